//! Real files, made by the tools that people make theirs with, read back and compared.

mod damage;
mod fixture;
mod formats;
mod join;
mod seek;
mod shapes;
mod tags;
