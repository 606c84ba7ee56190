//! Rows: what the program knows, in SQLite or in PostgreSQL, behind one [`Db`].
//!
//! It decides nothing. Every query of a row that belongs to an account is bound to that account, and such rows have
//! `(account, id)` as their primary key, so that a tenant's identifier means nothing to another tenant.
//! What calls and visits write goes through [`Db::write`], which commits many callers' batches together and answers
//! after the commit; a row that does not exist is `Ok(None)` or `Ok(false)`, never an error.

mod accounts;
mod agents;
mod ahead;
mod answered;
mod api_keys;
mod applier;
mod attention;
mod audit;
mod bulk;
mod call_sums;
mod call_worths;
mod calls;
mod campaign_keys;
mod carriers;
mod cases;
mod commit;
mod db;
mod erasure;
mod error;
mod invitations;
mod journal;
mod known;
mod lease_guard;
mod leases;
mod migrations;
mod number_states;
mod numbers;
mod operators;
mod overview_sums;
mod page_looks;
mod page_reports;
mod people;
mod phones;
mod plain_reports;
mod plans;
mod pool_load;
mod pool_rules;
mod profiles;
mod progress;
mod record;
mod reports;
mod retention;
mod row;
mod segment;
mod segments;
mod servers;
mod sites;
mod split_sums;
mod splits;
mod sqlite;
mod targets;
mod trunk_logins;
mod trunk_registers;
mod trunks;
mod value;
mod visit_events;
mod webhooks;
mod write;

pub use agents::AgentSet;
pub use answered::{AnsweredCount, RangCount};
pub use attention::SiteVisits;
pub use call_sums::SumsCheck;
pub use call_worths::SourceWorth;
pub use calls::{CallCursor, CallFilter, CallPage, CursorError};
pub use carriers::OrderResult;
pub use cases::ConfirmedPage;
pub use db::{Db, Postgres, Sqlite};
pub use erasure::{Aged, Erasable, ToRemove};
pub use error::StoreError;
pub use plans::PlanVersion;
pub use pool_load::{PoolLoad, PoolMinute};
pub use profiles::CallerHistory;
pub use reports::{CallTotals, HourCount, NumberCount, RowCounts, SourceCount, TargetCount};
pub use retention::ErasedBatch;
pub use segments::{SealedDay, SegmentsCheck};
pub use splits::{Offsets, SplitCount};
pub use targets::PhoneChange;
pub use trunks::LoginChange;
pub use webhooks::{AttemptResult, DeliveryCursor};
pub use write::Write;
