//! A real SMTP server on loopback (Debian's `python3-aiosmtpd`), which keeps what it takes.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// Debian's own Python: the module is installed for that one, whatever else is on the search path.
const PYTHON: &str = "/usr/bin/python3";
const PROGRAM: &str = include_str!("smtp_server.py");

/// How the server keeps the talk from others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MailSecurity {
    /// TLS after STARTTLS, and nothing before it.
    Starttls,
    /// TLS from the first octet.
    Implicit,
    /// None.
    Off,
}

/// A running SMTP server; dropping it stops it.
#[derive(Debug)]
pub struct TestMailServer {
    child: Child,
    folder: TempDir,
    port: u16,
    certificate: Vec<u8>,
}

impl TestMailServer {
    /// The user that it takes mail from.
    pub const USER: &str = "reports";
    /// The user's password.
    pub const PASSWORD: &str = "open sesame";

    /// Starts one for `localhost`.
    ///
    /// # Panics
    /// When it does not start, saying what to install.
    pub fn start(security: MailSecurity) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder is needed");
        let place = |name: &str| folder.path().join(name);
        let signed = rcgen::generate_simple_self_signed(["localhost".to_owned()])
            .expect("a certificate can be made");
        let certificate = signed.cert.pem().into_bytes();
        let written = [
            ("certificate.pem", certificate.clone()),
            ("key.pem", signed.signing_key.serialize_pem().into_bytes()),
            ("server.py", PROGRAM.as_bytes().to_vec()),
        ];
        for (name, octets) in written {
            fs::write(place(name), octets).expect("the temporary folder can be written to");
        }
        let word = match security {
            MailSecurity::Starttls => "starttls",
            MailSecurity::Implicit => "implicit",
            MailSecurity::Off => "off",
        };
        let mut child = Command::new(PYTHON)
            .args(["-W", "ignore"])
            .arg(place("server.py"))
            .arg(folder.path())
            .arg(word)
            .args([place("certificate.pem"), place("key.pem")])
            .args([Self::USER, Self::PASSWORD])
            .stdout(Stdio::piped())
            .spawn()
            .expect("tests of mail need Debian's python3 and python3-aiosmtpd");
        let mut line = String::new();
        let said = child.stdout.take().expect("its output is piped");
        BufReader::new(said)
            .read_line(&mut line)
            .expect("its output can be read");
        let port = line.trim().parse();
        Self {
            child,
            folder,
            port: port.expect("tests of mail need python3-aiosmtpd; see its error above"),
            certificate,
        }
    }

    /// Where it listens, on 127.0.0.1.
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Its certificate, PEM: nobody else vouches for it.
    pub fn certificate(&self) -> &[u8] {
        &self.certificate
    }

    /// The file of its certificate.
    pub fn certificate_file(&self) -> PathBuf {
        self.folder.path().join("certificate.pem")
    }

    /// Takes mail to `later@…` from now on.
    ///
    /// # Panics
    /// When its folder cannot be written to.
    pub fn open(&self) {
        fs::write(self.folder.path().join("open"), "").expect("its folder can be written to");
    }

    /// What it took, in order.
    ///
    /// # Panics
    /// When its folder cannot be read.
    pub fn mails(&self) -> Vec<Value> {
        let entries = fs::read_dir(self.folder.path()).expect("its folder can be read");
        let paths = entries.flatten().map(|entry| entry.path());
        let mut paths: Vec<PathBuf> = paths.filter(|path| is_mail(path)).collect();
        paths.sort();
        let read = |path: &PathBuf| {
            let octets = fs::read(path).expect("a mail can be read");
            serde_json::from_slice(&octets).expect("a mail is JSON")
        };
        paths.iter().map(read).collect()
    }
}

impl Drop for TestMailServer {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn is_mail(path: &Path) -> bool {
    path.extension().is_some_and(|kind| kind == "json")
}
