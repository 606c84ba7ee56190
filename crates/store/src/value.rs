//! What goes into a statement, the same for both engines.

use std::time::Duration;

use ringfence_model::{
    AccountId, ApiKeyId, AuditId, CallId, CarrierId, CaseId, ConversionDestinationId, DeliveryId,
    E164, EvidenceId, HostId, InvitationId, LeaseId, LegId, MailId, NumberId, NumberOrderId,
    PlanId, PoolId, RecordingId, SavedReportId, ServerId, SessionId, SiteId, TargetGroupId,
    TargetId, Timestamp, TrunkId, UserId, VisitEventId, VisitId, VisitorId, WebhookId,
};
use rusqlite::types::{ToSqlOutput, ValueRef};
use sqlx::query::Query;
use uuid::Uuid;

/// One argument of a statement. A missing value keeps its type, which PostgreSQL asks for.
#[derive(Debug, Clone)]
pub(crate) enum Value {
    Uuid(Option<Uuid>),
    Text(Option<String>),
    Int(Option<i64>),
    Flag(bool),
    Bytes(Option<Vec<u8>>),
}

/// The arguments of a statement, in the order of `$1`, `$2`, ….
macro_rules! args {
    ($($value:expr),* $(,)?) => { vec![$($crate::value::Value::from($value)),*] };
}
pub(crate) use args;

pub(crate) type PostgresQuery = Query<'static, sqlx::Postgres, sqlx::postgres::PgArguments>;

/// PostgreSQL has no text with a NUL in it and would refuse the whole statement; what stands for it equals nothing that was
/// written (<https://www.postgresql.org/docs/current/datatype-character.html>).
pub(crate) fn postgres_query(sql: &'static str, args: Vec<Value>) -> PostgresQuery {
    let mut query = sqlx::query(sql);
    for value in args {
        query = match value {
            Value::Uuid(value) => query.bind(value),
            Value::Text(Some(text)) if text.contains('\0') => {
                query.bind(text.replace('\0', "\u{fffd}"))
            }
            Value::Text(value) => query.bind(value),
            Value::Int(value) => query.bind(value),
            Value::Flag(value) => query.bind(value),
            Value::Bytes(value) => query.bind(value),
        };
    }
    query
}

impl rusqlite::ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        let value = match self {
            Self::Uuid(value) => value.as_ref().map(|id| ValueRef::Blob(id.as_bytes())),
            Self::Text(value) => value.as_deref().map(|text| ValueRef::Text(text.as_bytes())),
            Self::Int(value) => value.map(ValueRef::Integer),
            Self::Flag(value) => Some(ValueRef::Integer((*value).into())),
            Self::Bytes(value) => value.as_deref().map(ValueRef::Blob),
        };
        Ok(ToSqlOutput::Borrowed(value.unwrap_or(ValueRef::Null)))
    }
}

macro_rules! from_ids {
    ($($id:ident)*) => {$(
        impl From<$id> for Value {
            fn from(id: $id) -> Self {
                Self::Uuid(Some(id.0))
            }
        }

        impl From<Option<$id>> for Value {
            fn from(id: Option<$id>) -> Self {
                Self::Uuid(id.map(|id| id.0))
            }
        }
    )*};
}

from_ids! {
    AccountId ApiKeyId AuditId CallId CarrierId CaseId ConversionDestinationId DeliveryId EvidenceId HostId InvitationId LeaseId LegId MailId NumberId NumberOrderId PlanId PoolId RecordingId SavedReportId ServerId SessionId SiteId
    TargetGroupId TargetId TrunkId UserId VisitEventId VisitId VisitorId WebhookId
}

impl From<Uuid> for Value {
    fn from(id: Uuid) -> Self {
        Self::Uuid(Some(id))
    }
}

impl From<Option<Uuid>> for Value {
    fn from(id: Option<Uuid>) -> Self {
        Self::Uuid(id)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(Some(text.to_owned()))
    }
}

impl From<Option<&str>> for Value {
    fn from(text: Option<&str>) -> Self {
        Self::Text(text.map(str::to_owned))
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(Some(text))
    }
}

impl From<&E164> for Value {
    fn from(number: &E164) -> Self {
        Self::from(number.as_str())
    }
}

impl From<Option<&E164>> for Value {
    fn from(number: Option<&E164>) -> Self {
        Self::from(number.map(E164::as_str))
    }
}

impl From<Timestamp> for Value {
    fn from(time: Timestamp) -> Self {
        Self::Int(Some(time.as_micros()))
    }
}

impl From<Option<Timestamp>> for Value {
    fn from(time: Option<Timestamp>) -> Self {
        Self::Int(time.map(Timestamp::as_micros))
    }
}

/// Microseconds.
impl From<Duration> for Value {
    fn from(length: Duration) -> Self {
        Self::Int(Some(i64::try_from(length.as_micros()).unwrap_or(i64::MAX)))
    }
}

impl From<Option<i64>> for Value {
    fn from(number: Option<i64>) -> Self {
        Self::Int(number)
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Int(Some(number))
    }
}

impl From<u32> for Value {
    fn from(number: u32) -> Self {
        Self::Int(Some(number.into()))
    }
}

impl From<u64> for Value {
    fn from(number: u64) -> Self {
        Self::Int(Some(i64::try_from(number).unwrap_or(i64::MAX)))
    }
}

impl From<u16> for Value {
    fn from(number: u16) -> Self {
        Self::Int(Some(number.into()))
    }
}

impl From<Option<u64>> for Value {
    fn from(number: Option<u64>) -> Self {
        Self::Int(number.map(|number| i64::try_from(number).unwrap_or(i64::MAX)))
    }
}

impl From<Option<u16>> for Value {
    fn from(number: Option<u16>) -> Self {
        Self::Int(number.map(i64::from))
    }
}

impl From<bool> for Value {
    fn from(flag: bool) -> Self {
        Self::Flag(flag)
    }
}

impl From<&[u8]> for Value {
    fn from(bytes: &[u8]) -> Self {
        Self::Bytes(Some(bytes.to_vec()))
    }
}

impl From<Option<&[u8]>> for Value {
    fn from(bytes: Option<&[u8]>) -> Self {
        Self::Bytes(bytes.map(<[u8]>::to_vec))
    }
}
