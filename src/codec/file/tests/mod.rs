//! Real files, made by the tools that people make theirs with, read back and compared.

mod changes;
mod containers;
mod damage;
mod fields;
mod fixture;
mod flac;
mod formats;
#[cfg(feature = "aac")]
mod he_aac;
mod join;
mod lengths;
mod mp4;
mod positions;
mod random;
mod seek;
mod shapes;
mod tags;
mod thrift;
