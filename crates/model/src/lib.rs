//! The product's words as types: what every other crate speaks in.
//!
//! Nothing here does I/O, asks for the time or draws a random number; all of that comes in from outside.

mod agent;
mod audit;
mod balance;
mod call;
mod campaign_key;
mod carrier;
mod case;
mod conversion;
mod dialling;
mod erasure;
mod hours;
mod id;
mod number;
mod page_look;
mod page_report;
mod phone;
mod plan;
mod pool_rule;
mod records;
mod report_mail;
mod rights;
mod saved_report;
mod second_factor;
mod server;
mod split;
mod steps;
mod time;
mod visit;
mod webhook;
mod worth;

pub use agent::{Agent, AgentChange, AgentMeans, AgentState, BreakReason, agent_times};
pub use audit::{Actor, ActorKind, AuditEntry, AuditFilter, AuditObject};
pub use balance::{Caps, GroupProfile, LanguageUse, MemberProfile, Strategy, TargetProfile};
pub use call::{
    Call, CallEvent, CallEventKind, Confidence, Disposition, Leg, LegOutcome, Party, Recording,
    RecordingState,
};
pub use campaign_key::CampaignKey;
pub use carrier::{Carrier, CarrierKind, NumberOrder, NumberOrderKind, NumberOrderState};
pub use case::{
    AbuseCase, CaseEvidence, CaseSignal, CaseState, EvidenceKind, EvidencePage, FeedEntry, Hold,
};
pub use conversion::{
    ConsentRule, Conversion, ConversionDestination, ConversionPlatform, ConversionRule,
    ConversionState, CountedCalls,
};
pub use dialling::{Dialling, DiallingHold, TransfersTo};
pub use erasure::{Erased, ErasedBy, Whose};
pub use hours::{Date, HourRange, HourRangeError, Hours, Week};
pub use id::{
    AccountId, ApiKeyId, AuditId, CallId, CarrierId, CaseId, ConversionDestinationId, DeliveryId,
    EvidenceId, HostId, IdError, InvitationId, LeaseId, LegId, MailId, NumberId, NumberOrderId,
    PlanId, PoolId, RecordingId, SavedReportId, ServerId, SessionId, SiteId, TargetGroupId,
    TargetId, TrunkId, UserId, VisitEventId, VisitId, VisitorId, WebhookId,
};
pub use number::{E164, NumberError, masked};
pub use page_look::{LookOutcome, LookedPage, PageLook, PageView};
pub use page_report::{PageReport, TargetSeen, VisitEvent, VisitEventKind};
pub use phone::{Phone, Registration, SipTransport, TrunkLogin, TrunkRegister, TrunkRegistered};
pub use plan::{CallPlan, PlanDocument, Step};
pub use pool_rule::{PoolRule, PoolWish};
pub use records::{
    Account, ApiKey, Host, HostProof, Invitation, KeyScope, NumberChange, NumberState, Pool, Role,
    Session, Site, Target, TargetGroup, TargetGroupMember, TrackingNumber, Trunk, User,
};
pub use report_mail::{DueMail, MailRhythm, MailTimes, OutgoingMail, ReportMail};
pub use rights::Right;
pub use saved_report::{QuestionError, RelativeSpan, ReportQuestion, ReportSpan, SavedReport};
pub use second_factor::{PendingSignIn, SecondFactor};
pub use server::Server;
pub use split::Split;
pub use steps::{
    CallerIdError, CallerIdShown, Case, Conditions, ConsentPrompt, ForwardStep, MatchStep,
    MenuStep, QueueStep, Record, RingStep, SayStep, ScheduleStep, VoicemailStep,
};
pub use time::{Duration, Timestamp};
pub use visit::{ClickId, Lease, Source, SourceKind, Utm, Visit};
pub use webhook::{Delivery, DeliveryAttempt, DeliveryState, Webhook, WebhookEvent};
pub use worth::{Lead, Money, Worth, WorthError};
