//! Reads the articles named on the command line, one thread, and says how fast: `read_articles FILE...`.
//!
//! `tests/bench_jats.sh` runs it beside `xmllint --stream --noout` over the same files.
#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::time::Instant;

use rexdrug_jats::ArticleReader;

fn main() {
    let reader = ArticleReader::default();
    let (mut articles, mut refused, mut bytes, mut text) = (0_u64, 0_u64, 0_u64, 0_u64);
    let started = Instant::now();
    for path in std::env::args().skip(1) {
        let outcome = std::fs::read(&path).map(|content| {
            bytes += content.len() as u64;
            reader.read(&content, &path)
        });
        match outcome {
            Ok(Ok(article)) => {
                articles += 1;
                text += article.sections.iter().map(|section| section.text.len() as u64).sum::<u64>();
            }
            Ok(Err(fault)) => {
                refused += 1;
                eprintln!("{path}: {fault}");
            }
            Err(error) => {
                refused += 1;
                eprintln!("{path}: {error}");
            }
        }
    }
    let seconds = started.elapsed().as_secs_f64();
    println!(
        "{articles} articles, {refused} refused, {bytes} bytes, {text} bytes of text, {seconds:.3} s, {:.0} articles/s, {:.1} MB/s",
        articles as f64 / seconds,
        bytes as f64 / seconds / 1e6,
    );
}
