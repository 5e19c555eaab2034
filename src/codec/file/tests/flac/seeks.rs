//! Seeks by what the packets say.

use super::super::fixture::{Folder, Pcm, decode, run, stereo};
use super::{FRAMES, check_seeks, flac, write};

#[test]
fn seeks_find_the_parts_of_a_file_whose_heads_declare_no_length() {
    let folder = Folder::new();
    let made = [1, 9].map(|times| {
        let pcm = Pcm::sweeps(44_100, 2, times * FRAMES);
        let mut flac = flac(&folder, &pcm, "");
        // 36 bits, behind 108 of sizes, rate and shape.
        flac[8 + 13] &= 0xf0;
        flac[8 + 14..8 + 18].fill(0);
        (flac, pcm.as_floats())
    });
    let [short, long] = &made;
    for parts in [&[short, short][..], &[short, long], &[long, short], &[short, long, short]] {
        let file = parts.iter().flat_map(|(flac, _)| flac).copied().collect::<Vec<_>>();
        let path = write(&folder, "joined.flac", &file);
        let whole = parts.iter().flat_map(|(_, floats)| floats).copied().collect::<Vec<_>>();
        check_seeks(&path, &whole, 0.0);
    }
}

#[test]
fn seeks_are_exact_at_every_size_of_block_with_and_without_a_table() {
    let folder = Folder::new();
    for channels in [1, 2] {
        let wav = folder.wav("a.wav", &Pcm::sweeps(44_100, channels, 5 * FRAMES));
        for options in ["-b 192", "-b 4608", "-S 1x", "-S 100x", "--no-seektable", "-b 16384 --lax"] {
            let path = folder.path("a.flac");
            let files = ["-s", "-f", "-o", path.to_str().unwrap(), wav.to_str().unwrap()];
            run("flac", "flac", options.split_ascii_whitespace().chain(files));
            check_seeks(&path, &decode(&path, stereo(44_100)), 0.0);
        }
    }
}
