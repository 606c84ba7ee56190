//! One case as JSON, for carriers and authorities: what was seen, what was withheld, and who decided.
//!
//! Each piece of evidence carries a SHA-256 over the one before it and its own octets in the document, so that a copy from
//! which something was left out, or in which something was changed, is told from the one whose last hash was handed over.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures::future::BoxFuture;
use ringfence_model::{CaseEvidence, CaseId, EvidenceKind, Timestamp};
use ringfence_store::StoreError;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::CaseFile;
use super::judging::hexadecimal;
use crate::Platform;

/// What the document is, and in which version.
const FORMAT: &str = "ringfence-case-1";

/// Pieces of evidence that an export holds; a case has a few dozen.
const MOST_PIECES: u32 = 10_000;

/// Whether the octets that are kept of pages go along.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pages {
    /// Their addresses, lengths and hashes alone.
    Named,
    /// As base64.
    Whole,
}

impl Platform {
    /// A case with all its evidence as JSON; `None` when there is none.
    ///
    /// # Errors
    /// When rows cannot be read.
    pub fn export_case(
        &self,
        case: CaseId,
        pages: Pages,
        now: Timestamp,
    ) -> BoxFuture<'_, Result<Option<Value>, StoreError>> {
        Box::pin(async move {
            let Some(file) = self.case_file(case).await? else {
                return Ok(None);
            };
            let hosts = self.db.hosts(file.case.account, file.case.site).await?;
            let hosts: Vec<Value> = hosts
                .iter()
                .map(|host| {
                    let proof = host.proof.map(ringfence_model::HostProof::as_str);
                    let proved_at = host.proved_at.map(|at| at.to_string());
                    json!({"name": host.name, "proof": proof, "proved_at": proved_at})
                })
                .collect();
            let evidence = self.db.evidence(file.case.account, case, MOST_PIECES);
            let (mut pieces, mut last) = (Vec::new(), String::new());
            for piece in &evidence.await? {
                let octets = match pages {
                    Pages::Whole if piece.page.is_some() => {
                        let page = self.db.evidence_page(piece.account, case, piece.id);
                        page.await?
                    }
                    _ => None,
                };
                let number = pieces.len() + 1;
                let (value, hash) = chained(&last, written(&file, piece, number, octets));
                last = hash;
                pieces.push(value);
            }
            Ok(Some(json!({
                "format": FORMAT,
                "exported_at": now.to_string(),
                "server": self.settings.public_url,
                "case": {
                    "id": case.to_string(),
                    "state": file.case.state.as_str(),
                    "risk": f64::from(file.case.risk) / 1000.0,
                    "opened_at": file.case.opened_at.to_string(),
                    "decided_at": file.case.decided_at.map(|at| at.to_string()),
                    "numbers_withheld": file.held,
                    "account_frozen": file.frozen,
                },
                "account": {"id": file.case.account.to_string(), "name": file.account},
                "site": {"id": file.site.id.to_string(), "name": file.site.name, "hosts": hosts},
                "evidence": pieces,
                "sha256": last,
            })))
        })
    }
}

/// A piece with the hash over the one before it and itself, and that hash.
fn chained(before: &str, mut piece: Value) -> (Value, String) {
    let mut digest = Sha256::new();
    digest.update(before);
    // Keys are in the order of their letters, and there is no space between.
    digest.update(piece.to_string());
    let hash = hexadecimal(&digest.finalize());
    piece["sha256"] = Value::String(hash.clone());
    (piece, hash)
}

fn written(file: &CaseFile, piece: &CaseEvidence, number: usize, octets: Option<Vec<u8>>) -> Value {
    let page = piece.page.as_ref().map(|page| {
        let kept = octets.map(|octets| STANDARD.encode(octets));
        json!({
            "url": page.url,
            "length": page.length,
            "sha256": hexadecimal(&page.sha256),
            "kept_base64": kept,
        })
    });
    let by = piece.by.map(|user| match piece.kind {
        EvidenceKind::Appeal => format!("account: {}", file.name_of(user)),
        _ => format!("operator: {}", file.name_of(user)),
    });
    json!({
        "number": number,
        "id": piece.id.to_string(),
        "at": piece.at.to_string(),
        "kind": piece.kind.as_str(),
        "what": piece.what,
        "by": by,
        "risk": piece.risk.map(|risk| f64::from(risk) / 1000.0),
        "signals": piece.signals,
        "page": page,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_piece_that_is_changed_or_left_out_changes_every_hash_after_it() {
        let pieces = || ["a", "b", "c"].map(|what| json!({"what": what, "number": 1}));
        let hashes = |pieces: Vec<Value>| {
            let mut last = String::new();
            let hashes = pieces.into_iter().map(|piece| {
                last = chained(&last, piece).1;
                last.clone()
            });
            hashes.collect::<Vec<_>>()
        };
        let whole = hashes(pieces().into());
        let mut changed = pieces();
        changed[1]["what"] = "B".into();
        let changed = hashes(changed.into());
        assert_eq!(whole[0], changed[0]);
        assert!(whole[1] != changed[1] && whole[2] != changed[2]);
        let [first, _, last] = pieces();
        assert_ne!(hashes(vec![first, last])[1], whole[2]);
    }
}
