//! Host proofs: what was published by the owner, against the challenge.

/// TXT records are looked up at this label below the host: `_ringfence.www.example.com`.
pub const TXT_LABEL: &str = "_ringfence";
/// Where the proving file is.
pub const PROOF_FILE_PATH: &str = "/.well-known/ringfence.txt";
/// The `name` of the proving meta tag.
pub const META_NAME: &str = "ringfence";

/// A line of the file is the challenge.
pub fn file_proves(body: &[u8], challenge: &str) -> bool {
    let _ = (body, challenge);
    todo!()
}

/// A TXT record is the challenge.
pub fn txt_proves<S: AsRef<str>>(records: &[S], challenge: &str) -> bool {
    let _ = (records, challenge);
    todo!()
}

/// The page has `<meta name="ringfence" content="CHALLENGE">` before its body.
pub fn meta_proves(html: &[u8], challenge: &str) -> bool {
    let _ = (html, challenge);
    todo!()
}
