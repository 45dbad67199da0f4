use proptest::prelude::*;
use sha2::{Digest, Sha256};

use super::super::{Lexicon, LexiconError};
use super::{find, seed_bytes};

/// Offset of the tables: magic, version, digest.
const TABLES: usize = 8 + 4 + 32;

fn bytes() -> &'static [u8] {
    static BYTES: std::sync::OnceLock<Vec<u8>> = std::sync::OnceLock::new();
    BYTES.get_or_init(seed_bytes)
}

/// Puts the right digest on damaged tables, so that the checks behind it are reached.
fn resealed(mut damaged: Vec<u8>) -> Vec<u8> {
    let digest = Sha256::digest(&damaged[TABLES..]);
    damaged[12..TABLES].copy_from_slice(&digest);
    damaged
}

#[test]
fn equal_sources_give_equal_bytes() {
    assert_eq!(seed_bytes(), seed_bytes());
    assert!(bytes().starts_with(b"LEXICON\n"));
    let lexicon = Lexicon::from_bytes(bytes()).unwrap();
    assert_eq!(lexicon.sha256(), hex::encode(Sha256::digest(bytes())));
    assert_eq!(lexicon.report().sources[0].files.len(), 7);
    assert_eq!(lexicon.entry_ids().count(), lexicon.report().entries);
}

#[test]
fn a_file_loads_as_its_bytes_do() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("drugs.lexicon");
    std::fs::write(&path, bytes()).unwrap();
    assert_eq!(Lexicon::load(&path).unwrap().sha256(), Lexicon::from_bytes(bytes()).unwrap().sha256());
    let missing = Lexicon::load(&folder.path().join("none")).unwrap_err();
    assert!(matches!(missing, LexiconError::Io { .. }), "{missing}");
}

#[test]
fn other_files_and_versions_are_refused() {
    for (damaged, what) in [
        (b"".to_vec(), "magic"),
        (b"PAR1PAR1PAR1".to_vec(), "magic"),
        ([b"LEXICON\n".as_slice(), &9u32.to_le_bytes()].concat(), "format version"),
        (bytes()[..bytes().len() - 1].to_vec(), "digest"),
        ([bytes(), b"x"].concat(), "digest"),
        (resealed([bytes(), b"x"].concat()), "end"),
    ] {
        let error = Lexicon::from_bytes(&damaged).unwrap_err().to_string();
        assert!(error.contains(what) && error.contains("rexdrug lexicon build"), "{error}");
    }
}

#[test]
fn every_truncation_is_an_error() {
    for length in (0..bytes().len()).step_by(7) {
        assert!(Lexicon::from_bytes(&bytes()[..length]).is_err(), "{length}");
        if length >= TABLES {
            assert!(Lexicon::from_bytes(&resealed(bytes()[..length].to_vec())).is_err(), "resealed {length}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn a_flipped_bit_is_an_error(at in any::<prop::sample::Index>(), bit in 0u8..8) {
        let mut damaged = bytes().to_vec();
        let at = at.index(damaged.len());
        damaged[at] ^= 1 << bit;
        prop_assert!(Lexicon::from_bytes(&damaged).is_err());
    }

    #[test]
    fn damaged_tables_with_a_right_digest_never_panic(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
    ) {
        let mut damaged = bytes().to_vec();
        for (at, value) in changes {
            let at = TABLES + at.index(damaged.len() - TABLES);
            damaged[at] = value;
        }
        if let Ok(lexicon) = Lexicon::from_bytes(&resealed(damaged)) {
            let text = "R-CHOP, FOLFOX, 5 - FU and interferon-α with taxanes, xorfatinib hydrochloride, lead";
            find(&lexicon, text);
            lexicon.explain(text);
        }
    }

    #[test]
    fn random_bytes_never_panic(noise in prop::collection::vec(any::<u8>(), 0..400)) {
        prop_assert!(Lexicon::from_bytes(&noise).is_err());
        prop_assert!(Lexicon::from_bytes(&resealed([&bytes()[..TABLES], &noise].concat())).is_err());
    }
}
