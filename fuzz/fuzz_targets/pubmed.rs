//! Any bytes as a PubMed file, plain and as the inside of gzip: no panic, and what is delivered is countable.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rexdrug_pubmed::{PubmedEvent, PubmedReader, ReaderOptions};

fuzz_target!(|bytes: &[u8]| {
    let options = ReaderOptions { max_record_bytes: 1 << 16 };
    let mut fault = false;
    for event in PubmedReader::with_options(bytes, options) {
        assert!(!fault, "nothing follows a fault");
        match event {
            Ok(PubmedEvent::Rejected(record)) => assert!(!record.reason.code().is_empty()),
            Ok(_) => {}
            Err(_) => fault = true,
        }
    }
});
