//! The cost of the inner loops between an encoder and a socket. With 10,000 listeners that are served once
//! per second, `slice` and `weave` run 10,000 times per second. `append` and `handoff` run 38 times per
//! second for any number of listeners.

use divan::Bencher;
use longwave::loops;

fn main() {
    divan::main();
}

#[divan::bench]
fn backlog_append(bencher: Bencher) {
    bencher.bench_local(loops::append());
}

#[divan::bench]
fn backlog_slice(bencher: Bencher) {
    bencher.bench_local(loops::slice());
}

#[divan::bench]
fn icy_weave(bencher: Bencher) {
    let mut weave = loops::weave();
    assert_eq!(weave(), 16_000, "all of it is audio but the block");
    bencher.bench_local(weave);
}

#[divan::bench]
fn request_parse(bencher: Bencher) {
    let mut parse = loops::parse();
    assert!(parse());
    bencher.bench_local(parse);
}

#[divan::bench]
fn handoff(bencher: Bencher) {
    let mut handoff = loops::handoff();
    assert!(handoff());
    bencher.bench_local(handoff);
}
