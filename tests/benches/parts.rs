//! Bytes per second of the parts before extraction, one thread, each beside its floor and an alternative.
//!
//! `cargo bench --bench parts`; `REXDRUG_BENCH_FILE` names another MEDLINE file.
#![allow(missing_docs, clippy::expect_used, clippy::panic)]

mod corpus;

use std::hint::black_box;
use std::io::Read;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use daachorse::{DoubleArrayAhoCorasickBuilder, MatchKind};
use flate2::bufread::MultiGzDecoder;
use quick_xml::events::Event;
use rexdrug_operators::lexicon::{Lexicon, MatchScratch};
use rexdrug_operators::segment::Segmenter;
use rexdrug_pubmed::{PubmedInput, PubmedReader};

/// File to records against inflating alone and against a pull parser that keeps nothing.
fn xml(criterion: &mut Criterion) {
    let (gzip, xml) = corpus::gzip_and_xml();
    let mut group = criterion.benchmark_group("xml");
    group.throughput(Throughput::Bytes(xml.len() as u64)).sample_size(10);
    group.bench_function("floor: inflate", |bencher| {
        let mut out = Vec::with_capacity(xml.len());
        bencher.iter(|| {
            out.clear();
            MultiGzDecoder::new(gzip.as_slice()).read_to_end(&mut out).expect("gzip")
        });
    });
    group.bench_function("gzip to records", |bencher| {
        bencher.iter(|| PubmedReader::new(PubmedInput::detect(gzip.as_slice()).expect("memory")).count());
    });
    group.bench_function("XML to records", |bencher| {
        bencher.iter(|| PubmedReader::new(xml.as_slice()).count());
    });
    group.bench_function("alternative: XML to quick-xml events, nothing kept", |bencher| {
        bencher.iter(|| {
            let mut reader = quick_xml::Reader::from_reader(xml.as_slice());
            let (mut buffer, mut events) = (Vec::new(), 0_u64);
            loop {
                buffer.clear();
                match reader.read_event_into(&mut buffer).expect("well-formed XML") {
                    Event::Eof => break events,
                    event => {
                        black_box(event);
                        events += 1;
                    }
                }
            }
        });
    });
}

/// Segmentation, matching and both, against a double array over the same terms.
fn text(criterion: &mut Criterion) {
    let (_, xml) = corpus::gzip_and_xml();
    let texts = corpus::texts(&xml);
    let lexicon = Lexicon::load(&corpus::root().join("data/lexicon/seed.lexicon")).expect("the seed lexicon");
    let segmenter = Segmenter::default();
    let mut group = criterion.benchmark_group("text");
    group.throughput(Throughput::Bytes(texts.iter().map(|text| text.len() as u64).sum())).sample_size(10);
    let (mut spans, mut mentions, mut scratch) = (Vec::new(), Vec::new(), MatchScratch::default());
    group.bench_function("segment", |bencher| {
        bencher.iter(|| {
            let mut count = 0;
            for text in &texts {
                segmenter.segment(text, &mut spans);
                count += spans.len();
            }
            count
        });
    });
    group.bench_function("find drugs", |bencher| {
        bencher.iter(|| {
            let mut count = 0;
            for text in &texts {
                lexicon.find_drugs(text, &mut scratch, &mut mentions);
                count += mentions.len();
            }
            count
        });
    });
    group.bench_function("segment, then find drugs", |bencher| {
        bencher.iter(|| {
            let mut count = 0;
            for text in &texts {
                segmenter.segment(text, &mut spans);
                for span in &spans {
                    lexicon.find_drugs(span.of(text), &mut scratch, &mut mentions);
                    count += mentions.len();
                }
            }
            count
        });
    });
    let mut terms: Vec<&str> = lexicon.term_forms().map(|(form, _)| form).collect();
    terms.sort_unstable();
    terms.dedup();
    let automaton = DoubleArrayAhoCorasickBuilder::new()
        .match_kind(MatchKind::LeftmostLongest)
        .build::<_, _, u32>(&terms)
        .expect("an automaton");
    group.bench_function("alternative: lower-cased, double-array Aho-Corasick", |bencher| {
        bencher.iter(|| {
            texts.iter().map(|text| automaton.leftmost_find_iter(&text.to_lowercase()).count()).sum::<usize>()
        });
    });
}

criterion_group!(parts, xml, text);
criterion_main!(parts);
