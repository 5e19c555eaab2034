//! The two small C files, and how the shared library is linked.

use std::env;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=c");
    cc::Build::new()
        .file("c/environment.c")
        .flag_if_supported("-frounding-math")
        .compile("longwave_environment");

    let target = |key: &str| env::var(format!("CARGO_CFG_TARGET_{key}")).unwrap_or_default();
    if target("OS") != "linux" {
        return;
    }
    println!("cargo:rustc-cdylib-link-arg=-Wl,-soname,liblongwave.so.0");
    if target("ENV") != "gnu" {
        return;
    }
    for function in ["pthread_key_create", "pthread_key_delete", "__cxa_thread_atexit_impl"] {
        println!("cargo:rustc-cdylib-link-arg=-Wl,--wrap={function}");
    }
    // As an object, not a library: what it replaces is referred to weakly, and would not bring it in.
    for object in cc::Build::new().file("c/unload.c").compile_intermediates() {
        println!("cargo:rustc-cdylib-link-arg={}", object.display());
    }
}
