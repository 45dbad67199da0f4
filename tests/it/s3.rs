//! An S3-protocol server on loopback: moto, from the Python of `make readers`.

use std::process::{Child, Command, Output, Stdio};

use crate::support::{binary, root};

/// The Python of `make readers`; without it the tests that need it cannot run and say so.
pub fn python() -> Option<String> {
    let python = std::env::var("REXDRUG_TEST_PYTHON").ok();
    if python.is_none() {
        eprintln!("skipped: REXDRUG_TEST_PYTHON is not set; run the tests with `make test`");
    }
    python
}

/// Moto on a free port, killed when dropped.
pub struct S3 {
    server: Child,
    endpoint: String,
    python: String,
    log: tempfile::NamedTempFile,
}

/// One request that the server answered.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Request {
    /// GET, HEAD, PUT, POST, DELETE; LIST for a GET that lists.
    pub kind: String,
    /// Its bucket.
    pub bucket: String,
}

impl Drop for S3 {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

impl S3 {
    pub fn start(python: &str) -> Self {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let log = tempfile::NamedTempFile::new().unwrap();
        let server = Command::new(python)
            .args(["-m", "moto.server", "-H", "127.0.0.1", "-p", &port.to_string()])
            .stdout(Stdio::null())
            .stderr(log.reopen().unwrap())
            .spawn()
            .unwrap();
        let server = Self { server, endpoint: format!("http://127.0.0.1:{port}"), python: python.to_owned(), log };
        for _ in 0..600 {
            if std::net::TcpStream::connect(("127.0.0.1", port)).is_ok() {
                return server;
            }
            std::thread::sleep(std::time::Duration::from_millis(100));
        }
        panic!("the S3 server did not start within a minute");
    }

    /// Every request so far, from the server's log: `… "GET /bucket/key?list-type=2 HTTP/1.1" 200 -`.
    pub fn requests(&self) -> Vec<Request> {
        let log = std::fs::read_to_string(self.log.path()).unwrap();
        let asked = log.lines().filter_map(|line| line.split('"').nth(1)).map(|asked| asked.split(' '));
        asked
            .filter_map(|mut asked| {
                // Answers other than 200 are coloured: the method stands behind the escapes.
                let method = asked.next()?.rsplit('m').next()?;
                let path = asked.next()?;
                let bucket = path.strip_prefix('/')?.split(['/', '?']).next()?.to_owned();
                let lists = method == "GET" && (path.contains("list-type=") || path.contains("prefix="));
                Some(Request { kind: if lists { "LIST" } else { method }.to_owned(), bucket })
            })
            .collect()
    }

    pub fn environment(&self) -> Vec<(&'static str, String)> {
        vec![
            ("AWS_ENDPOINT_URL", self.endpoint.clone()),
            ("AWS_ACCESS_KEY_ID", "test".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "planted-secret-7f3a".to_owned()),
            ("AWS_REGION", "us-east-1".to_owned()),
            ("AWS_ALLOW_HTTP", "true".to_owned()),
        ]
    }

    /// Makes a bucket.
    pub fn bucket(&self, name: &str) {
        let make = "import boto3, os, sys; boto3.client('s3', endpoint_url=os.environ['AWS_ENDPOINT_URL']).create_bucket(Bucket=sys.argv[1])";
        let made = Command::new(&self.python).args(["-c", make, name]).envs(self.environment()).status().unwrap();
        assert!(made.success());
    }

    /// Copies the files below `folder` into a bucket, their paths as keys.
    pub fn upload(&self, folder: &std::path::Path, bucket: &str) {
        let script = root().join("tests/python/put_objects.py");
        let done =
            Command::new(&self.python).arg(script).arg(folder).arg(bucket).envs(self.environment()).status().unwrap();
        assert!(done.success());
    }

    /// Runs the binary with this server as its S3; no output may hold the secret.
    pub fn rexdrug(&self, args: &[&str]) -> Output {
        let output = Command::new(binary()).args(args).current_dir(root()).envs(self.environment()).output().unwrap();
        let log = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(!log.contains("planted-secret"), "{log}");
        output
    }

    /// Standard output of a run that must succeed.
    pub fn stdout(&self, args: &[&str]) -> String {
        let output = self.rexdrug(args);
        assert!(output.status.success(), "{args:?}\n{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }
}
