//! Servers over the same rows: who runs, who was given up, and whose calls are still to be closed.
//!
//! These rows belong to the platform, not to an account.

use ringfence_model::{Call, Recording, Server, ServerId, Timestamp};

use crate::calls::{call_columns, read_call, read_recording, recording_columns};
use crate::row::Reader;
use crate::value::{Value, args, postgres_query};
use crate::{Db, StoreError};

macro_rules! server_columns {
    () => {
        "id, name, place, started_at, seen_at, stopped_at, closed_at"
    };
}

const ENTER: &str = "INSERT INTO servers (id, name, place, key_mark, leases, started_at, seen_at) \
    VALUES ($1, $2, $3, $4, $5, $6, $6)";
const SEEN: &str = "UPDATE servers SET seen_at = $2 WHERE id = $1 AND stopped_at IS NULL";
const STOP: &str = "UPDATE servers SET stopped_at = $2 WHERE id = $1 AND stopped_at IS NULL";
/// Of those who find that a server is silent, one gives it up; whom they have not seen silent, nobody does.
const GIVE_UP: &str =
    "UPDATE servers SET stopped_at = $3 WHERE id = $1 AND seen_at = $2 AND stopped_at IS NULL";
/// One closes: whoever comes first, and another only when that one has stopped before it was through.
const TAKE: &str = "UPDATE servers SET closer = $2 WHERE id = $1 AND stopped_at IS NOT NULL AND closed_at IS NULL \
    AND (closer IS NULL OR closer = $2 OR EXISTS (SELECT 1 FROM servers AS former \
    WHERE former.id = servers.closer AND former.stopped_at IS NOT NULL))";
const CLOSED: &str = "UPDATE servers SET closed_at = $2 WHERE id = $1 AND closed_at IS NULL";
const SERVERS: &str = concat!(
    "SELECT ",
    server_columns!(),
    " FROM servers WHERE stopped_at IS NULL OR closed_at IS NULL OR stopped_at > $1 \
     ORDER BY name, started_at, id"
);
const OTHER_KEYS: &str = "SELECT COUNT(*) FROM servers \
    WHERE stopped_at IS NULL AND name <> $1 AND key_mark <> $2 AND seen_at > $3";
const OPEN_CALLS_OF: &str = concat!(
    "SELECT ",
    call_columns!(),
    " FROM calls WHERE ended_at IS NULL AND server = $1 ORDER BY started_at, id"
);
const OPEN_CALLS_OF_NAME: &str = concat!(
    "SELECT ",
    call_columns!(),
    " FROM calls WHERE ended_at IS NULL AND (server IS NULL \
     OR server IN (SELECT id FROM servers WHERE name = $1 AND id <> $2)) ORDER BY started_at, id"
);
const KEEP_OPEN_CALLS: &str = "UPDATE calls SET server = $2 WHERE ended_at IS NULL \
    AND server IN (SELECT id FROM servers WHERE name = $1 AND id <> $2)";
const OPEN_RECORDINGS_OF: &str = concat!(
    "SELECT ",
    recording_columns!(),
    " FROM recordings WHERE state = 'open' AND EXISTS (SELECT 1 FROM calls \
     WHERE calls.account = recordings.account AND calls.id = recordings.call AND calls.server = $1) \
     ORDER BY started_at, id"
);
const OPEN_RECORDINGS_OF_NAME: &str = concat!(
    "SELECT ",
    recording_columns!(),
    " FROM recordings WHERE state = 'open' AND EXISTS (SELECT 1 FROM calls \
     WHERE calls.account = recordings.account AND calls.id = recordings.call AND (calls.server IS NULL \
     OR calls.server IN (SELECT id FROM servers WHERE name = $1 AND id <> $2))) \
     ORDER BY started_at, id"
);

impl Db {
    /// Several servers may work over these rows: not over a file, whose journal one program keeps.
    pub const fn is_shared(&self) -> bool {
        matches!(self, Self::Postgres(_))
    }

    /// Adds a server that was just started. `key_mark` tells its master key from another, `leases` says where its pool
    /// leases are kept: `own` or `shared`.
    ///
    /// # Errors
    /// [`StoreError`] when the row cannot be written.
    pub async fn add_server(
        &self,
        server: &Server,
        key_mark: &str,
        leases: &'static str,
    ) -> Result<(), StoreError> {
        let args = args![
            server.id,
            server.name.as_str(),
            server.place,
            key_mark,
            leases,
            server.started_at
        ];
        self.run_beside(ENTER, args).await.map(drop)
    }

    /// A server's sign of life; `false` when it was given up.
    ///
    /// # Errors
    /// [`StoreError`] when the row cannot be written.
    pub async fn server_seen(&self, server: ServerId, at: Timestamp) -> Result<bool, StoreError> {
        Ok(self.run_beside(SEEN, args![server, at]).await? > 0)
    }

    /// A server says that it stops.
    ///
    /// # Errors
    /// [`StoreError`] when the row cannot be written.
    pub async fn server_stopped(&self, server: ServerId, at: Timestamp) -> Result<(), StoreError> {
        self.run_beside(STOP, args![server, at]).await.map(drop)
    }

    /// Gives up a server that gave no sign of life since `seen_at`; `false` when it did, or another gave it up before.
    ///
    /// # Errors
    /// [`StoreError`] when the row cannot be written.
    pub async fn give_up_server(
        &self,
        server: ServerId,
        seen_at: Timestamp,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        Ok(self
            .run_beside(GIVE_UP, args![server, seen_at, now])
            .await?
            > 0)
    }

    /// Takes it on to close what a server that stopped left open; `false` when another does, or it is done.
    ///
    /// # Errors
    /// [`StoreError`] when the row cannot be written.
    pub async fn take_server(
        &self,
        server: ServerId,
        closer: ServerId,
    ) -> Result<bool, StoreError> {
        Ok(self.run_beside(TAKE, args![server, closer]).await? > 0)
    }

    /// What a server left open is closed.
    ///
    /// # Errors
    /// [`StoreError`] when the row cannot be written.
    pub async fn server_closed(&self, server: ServerId, at: Timestamp) -> Result<(), StoreError> {
        self.run_beside(CLOSED, args![server, at]).await.map(drop)
    }

    /// Servers that run, that left something open, or that stopped after `since`; by name, the last start last.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn servers(&self, since: Timestamp) -> Result<Vec<Server>, StoreError> {
        self.rows(SERVERS, args![since], read_server).await
    }

    /// Servers of other names that were seen after `since` and have another master key.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn servers_with_other_keys(
        &self,
        name: &str,
        key_mark: &str,
        since: Timestamp,
    ) -> Result<u64, StoreError> {
        let args = args![name, key_mark, since];
        let found = self.row(OTHER_KEYS, args, crate::row::read_count).await?;
        Ok(found.unwrap_or(0))
    }

    /// Calls that a server left open, oldest first.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn open_calls_of(&self, server: ServerId) -> Result<Vec<Call>, StoreError> {
        self.written_rows(OPEN_CALLS_OF, args![server], read_call)
            .await
    }

    /// Calls that earlier runs of a name left open, and those of no server, oldest first.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn open_calls_before(
        &self,
        name: &str,
        server: ServerId,
    ) -> Result<Vec<Call>, StoreError> {
        self.written_rows(OPEN_CALLS_OF_NAME, args![name, server], read_call)
            .await
    }

    /// Calls that earlier runs of a name have open are `server`'s from now on.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be written.
    pub async fn keep_open_calls_of_name(
        &self,
        name: &str,
        server: ServerId,
    ) -> Result<(), StoreError> {
        self.run_beside(KEEP_OPEN_CALLS, args![name, server])
            .await
            .map(drop)
    }

    /// Recordings that a server left open, oldest first.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn open_recordings_of(&self, server: ServerId) -> Result<Vec<Recording>, StoreError> {
        self.written_rows(OPEN_RECORDINGS_OF, args![server], read_recording)
            .await
    }

    /// Recordings that earlier runs of a name left open, and those of no server, oldest first.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn open_recordings_before(
        &self,
        name: &str,
        server: ServerId,
    ) -> Result<Vec<Recording>, StoreError> {
        self.written_rows(OPEN_RECORDINGS_OF_NAME, args![name, server], read_recording)
            .await
    }

    /// Carries out one statement beside what visits and calls write: a sign of life must not wait for theirs.
    async fn run_beside(&self, sql: &'static str, args: Vec<Value>) -> Result<u64, StoreError> {
        match self {
            Self::Sqlite(_) => self.run_one(sql, args).await,
            Self::Postgres(postgres) => {
                let done = postgres_query(sql, args).execute(&postgres.readers).await?;
                Ok(done.rows_affected())
            }
        }
    }
}

fn read_server(row: &mut Reader<'_>) -> Result<Server, StoreError> {
    Ok(Server {
        id: ServerId(row.uuid()?),
        name: row.text()?,
        place: row.uuid()?,
        started_at: row.time()?,
        seen_at: row.time()?,
        stopped_at: row.optional_time()?,
        closed_at: row.optional_time()?,
    })
}
