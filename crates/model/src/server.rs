//! A server: one run of the program that takes calls, among others over the same rows.

use uuid::Uuid;

use crate::{ServerId, Timestamp};

/// One run of the program, from its start to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// Its identifier, new at each start.
    pub id: ServerId,
    /// What it is called, the same at each start.
    pub name: String,
    /// The data folder that it runs from, the same at each start.
    pub place: Uuid,
    /// When it was started.
    pub started_at: Timestamp,
    /// Its last sign of life, by its own clock.
    pub seen_at: Timestamp,
    /// When it stopped, or another server gave it up.
    pub stopped_at: Option<Timestamp>,
    /// When what it left open was closed.
    pub closed_at: Option<Timestamp>,
}

impl Server {
    /// It neither stopped nor was it given up.
    pub const fn is_running(&self) -> bool {
        self.stopped_at.is_none()
    }
}
