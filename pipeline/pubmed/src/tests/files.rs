//! Opening paths, digests and sidecars.

use std::fs;
use std::path::PathBuf;

use super::*;

/// A folder of this test's own below the system's temporary folder.
fn scratch(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("rexdrug-pubmed-{}-{name}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    folder
}

#[test]
fn opens_gzip_and_plain_files_by_content() {
    let folder = scratch("open");
    let xml = set(&titled(1, "x"));
    for (name, bytes) in [("a.xml", gzip(xml.as_bytes())), ("b.xml.gz", xml.clone().into_bytes())] {
        let path = folder.join(name);
        fs::write(&path, bytes).unwrap();
        let (events, fault) = collect(open(&path).unwrap());
        assert_eq!((articles(&events).len(), fault), (1, None));
    }
    let fault = open(&folder.join("absent.xml.gz")).err().unwrap();
    assert_eq!(fault.code(), "io");
    assert!(fault.message.contains("absent.xml.gz"), "{fault}");
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn sidecars_verify_or_say_what_is_wrong() {
    let folder = scratch("md5");
    let path = folder.join("x.xml.gz");
    fs::write(&path, b"abc").unwrap();
    let md5 = "900150983cd24fb0d6963f7d28e17f72".to_owned();
    assert_eq!(md5_of(&path).unwrap(), md5);
    assert_eq!(check_sidecar(&path).unwrap(), SidecarCheck::Absent { md5: md5.clone() });
    let check = |text: &[u8]| {
        fs::write(sidecar_path(&path), text).unwrap();
        check_sidecar(&path).unwrap()
    };
    for text in [
        format!("MD5(x.xml.gz)= {md5}\n"),
        format!("MD5 (x.xml.gz) = {}", md5.to_uppercase()),
        format!("{md5}  x.xml.gz\n"),
        format!("\n{md5}\n"),
    ] {
        assert_eq!(check(text.as_bytes()), SidecarCheck::Verified { md5: md5.clone() }, "{text}");
    }
    let other = "0".repeat(32);
    assert_eq!(
        check(format!("MD5(x.xml.gz)= {other}").as_bytes()),
        SidecarCheck::Mismatch { expected: other, actual: md5.clone() }
    );
    for text in [&b""[..], b"<html>503</html>", b"MD5(x.xml.gz)= 12", b"\xff\xfe\xff"] {
        assert!(matches!(check(text), SidecarCheck::Unreadable { .. }));
    }
    fs::remove_file(sidecar_path(&path)).unwrap();
    fs::create_dir(sidecar_path(&path)).unwrap();
    assert!(matches!(check_sidecar(&path).unwrap(), SidecarCheck::Unreadable { .. }));
    assert!(check_sidecar(&folder.join("absent")).is_err());
    fs::remove_dir_all(folder).unwrap();
}
