//! Requests that programs may send again: under a key of their choice each is carried out once, and answered the same for a
//! day.

use std::time::Duration;

use ringfence_model::Timestamp;
use ringfence_store::StoreError;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::Platform;
use crate::api_keys::Program;
use crate::secrets::Place;

/// For how long a request is known.
pub const REPEATED_FOR: Duration = Duration::from_hours(24);
/// Requests of an account that are known at most.
const MOST: u32 = 10_000;

/// A request under a key that its program chose.
#[derive(Debug)]
pub struct Repeatable<'a> {
    /// Who asks.
    pub program: &'a Program,
    /// What the program calls the request.
    pub key: &'a str,
    /// Everything that it asks for.
    pub asked: &'a [u8],
}

/// What becomes of it.
#[derive(Debug, PartialEq, Eq)]
pub enum Turn {
    /// It is to be carried out now, and [ended](Platform::end_request) then.
    First,
    /// It was carried out, with this HTTP status and this answer.
    Again(u16, Vec<u8>),
    /// The same request is carried out at this moment, or was cut short by the server's end.
    UnderWay,
    /// The key was used for something else.
    Another,
    /// Too many requests of the account are known.
    Full,
}

impl Repeatable<'_> {
    fn hash(&self) -> [u8; 32] {
        Sha256::digest(self.asked).into()
    }

    /// Where its answer belongs: opened nowhere else.
    fn place(&self) -> Place {
        let name = Sha256::new()
            .chain_update(self.program.key.id.0.as_bytes())
            .chain_update(self.key)
            .finalize();
        let mut row = [0; 16];
        row.copy_from_slice(&name[..16]);
        Place {
            account: self.program.account.id,
            column: "repeated_requests.answer",
            row: Uuid::from_bytes(row),
        }
    }
}

impl Platform {
    /// Whether a request is to be carried out.
    ///
    /// # Errors
    /// When the rows cannot be read or written.
    pub async fn begin_request(
        &self,
        request: &Repeatable<'_>,
        now: Timestamp,
    ) -> Result<Turn, StoreError> {
        let name = (
            request.program.account.id,
            request.program.key.id,
            request.key,
        );
        let hash = request.hash();
        let oldest = now - REPEATED_FOR;
        let begun = self.db.begin_request(name, &hash, now, oldest, MOST);
        if begun.await? {
            return Ok(Turn::First);
        }
        let Some(known) = self.db.repeated_request(name).await? else {
            return Ok(Turn::Full);
        };
        if known.request_hash != hash {
            return Ok(Turn::Another);
        }
        let opened = known.answer.map(|(status, sealed)| {
            let opened = self.keys.secrets.open(request.place(), &sealed);
            opened.map(|answer| Turn::Again(status, answer))
        });
        match opened {
            None => Ok(Turn::UnderWay),
            Some(Ok(turn)) => Ok(turn),
            Some(Err(error)) => Err(StoreError::Refused(error.to_string())),
        }
    }

    /// Keeps what came of a request, or forgets it when nothing did.
    ///
    /// # Errors
    /// When the rows cannot be written.
    pub async fn end_request(
        &self,
        request: &Repeatable<'_>,
        done: Option<(u16, &[u8])>,
    ) -> Result<(), StoreError> {
        let name = (
            request.program.account.id,
            request.program.key.id,
            request.key,
        );
        let Some((status, answer)) = done else {
            return self.db.take_request_back(name).await;
        };
        let secrets = &self.keys.secrets;
        let sealed = secrets.seal(request.place(), answer, rand::random());
        self.db.answer_request(name, status, &sealed).await
    }
}
