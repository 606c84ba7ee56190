//! Which calls are conversions: a destination's rule and what is known of a call -> it counts, or why it does not.

use std::collections::BTreeMap;

use ringfence_model::{
    Call, Confidence, ConsentRule, ConversionRule, CountedCalls, Disposition, Lead, Visit,
    VisitEvent, VisitEventKind,
};
use serde_json::Value;

/// What a page may tell of its visit with `ringfence('tag', {…})` for the sake of conversions, the last word of each.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ToldForConversions {
    /// `consent`: whether the visitor agreed that advertising platforms are told; `granted` or `denied`.
    pub consent: Option<bool>,
    /// `ga_client_id`: what Google Analytics calls the browser.
    pub ga_client_id: Option<String>,
    /// `ga_session_id`: what it calls the visit.
    pub ga_session_id: Option<String>,
    /// `fbc`: Meta's cookie of a click.
    pub fbc: Option<String>,
    /// `fbp`: Meta's cookie of a browser.
    pub fbp: Option<String>,
}

/// Characters of a word of the page at most; longer ones are passed over.
const LONGEST_WORD: usize = 400;

impl ToldForConversions {
    /// Of what a page told, in its order.
    pub fn of(events: &[VisitEvent]) -> Self {
        let mut told = Self::default();
        for event in events {
            if event.kind == VisitEventKind::Tag {
                told.read(&event.data);
            }
        }
        told
    }

    fn read(&mut self, data: &BTreeMap<String, Value>) {
        match data.get("consent") {
            Some(Value::Bool(yes)) => self.consent = Some(*yes),
            Some(Value::String(word)) if word == "granted" => self.consent = Some(true),
            // Whatever else is no yes.
            Some(_) => self.consent = Some(false),
            None => {}
        }
        for (name, kept) in [
            ("ga_client_id", &mut self.ga_client_id),
            ("ga_session_id", &mut self.ga_session_id),
            ("fbc", &mut self.fbc),
            ("fbp", &mut self.fbp),
        ] {
            let word = match data.get(name) {
                Some(Value::String(word)) => word.trim().to_owned(),
                Some(Value::Number(number)) => number.to_string(),
                _ => continue,
            };
            let is_good = !word.is_empty()
                && word.len() <= LONGEST_WORD
                && word.bytes().all(|octet| octet.is_ascii_graphic());
            if is_good {
                *kept = Some(word);
            }
        }
    }
}

/// What is known of a call when it is asked whether it counts.
#[derive(Debug, Clone, Copy)]
pub struct CallKnown<'a> {
    /// The call.
    pub call: &'a Call,
    /// Its visit.
    pub visit: Option<&'a Visit>,
    /// What the page told of the visit.
    pub told: &'a ToldForConversions,
    /// What came of the call, when somebody said so.
    pub lead: Option<Lead>,
    /// The caller called before.
    pub called_before: bool,
}

/// Why a call is no conversion, as things stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotCounted {
    /// Nothing is known any more of who called.
    #[error("The call or its visit was erased.")]
    Erased,
    /// It is not over.
    #[error("The call is not over.")]
    UnderWay,
    /// Which visit it was is not sure enough.
    #[error("The call belongs to no one visit for sure.")]
    NoVisit,
    /// The visitor said no.
    #[error("The visitor did not agree.")]
    Denied,
    /// Nobody said that the visitor agreed.
    #[error("The page did not tell that the visitor agreed.")]
    NotAsked,
    /// Nobody answered.
    #[error("Nobody answered.")]
    NotAnswered,
    /// They did not talk for long enough.
    #[error("They talked for {talked} s, and {least} s count.")]
    Short {
        /// For how long they talked.
        talked: u64,
        /// For how long they have to.
        least: u32,
    },
    /// Nobody said yet that it was worth that.
    #[error("Nobody said that the caller {}.", match .0 {
        CountedCalls::Converted => "bought",
        _ => "may buy",
    })]
    NoLead(CountedCalls),
    /// The caller called before, or withheld the number, so that nobody knows.
    #[error("It is not known to be the caller's first call.")]
    NotFirst,
}

/// Whether a call counts.
///
/// # Errors
/// [`NotCounted`]: why it does not.
pub fn counts(rule: &ConversionRule, known: &CallKnown<'_>) -> Result<(), NotCounted> {
    let call = known.call;
    if call.is_erased() {
        return Err(NotCounted::Erased);
    }
    let Some(ended_at) = call.ended_at else {
        return Err(NotCounted::UnderWay);
    };
    let sure = matches!(call.confidence, Confidence::Certain | Confidence::Likely);
    let Some(visit) = known.visit.filter(|_| sure) else {
        return Err(NotCounted::NoVisit);
    };
    if visit.landing_page.is_empty() {
        return Err(NotCounted::Erased);
    }
    match (known.told.consent, rule.consent) {
        (Some(true), _) | (None, ConsentRule::Waited) => {}
        (Some(false), _) => return Err(NotCounted::Denied),
        (None, ConsentRule::Told) => return Err(NotCounted::NotAsked),
    }
    let answered = call.disposition == Some(Disposition::Answered);
    let talked = match call.answered_at {
        Some(at) if answered => ended_at.since(at).as_secs(),
        _ => return Err(NotCounted::NotAnswered),
    };
    if talked < u64::from(rule.seconds) {
        let least = rule.seconds;
        return Err(NotCounted::Short { talked, least });
    }
    let is_lead = match rule.counts {
        CountedCalls::Answered => known.lead != Some(Lead::Unqualified),
        CountedCalls::Qualified => {
            matches!(known.lead, Some(Lead::Qualified | Lead::Converted))
        }
        CountedCalls::Converted => known.lead == Some(Lead::Converted),
    };
    if !is_lead {
        return Err(NotCounted::NoLead(rule.counts));
    }
    if rule.first_only && (known.called_before || call.caller.is_none()) {
        return Err(NotCounted::NotFirst);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use ringfence_model::{
        AccountId, CallId, Duration, NumberId, SiteId, Source, SourceKind, Timestamp, TrunkId, Utm,
        VisitEventId, VisitId, VisitorId,
    };
    use serde_json::json;

    const AT: Timestamp = Timestamp::from_micros(1_790_000_000_000_000);

    fn visit() -> Visit {
        Visit {
            id: VisitId::new(AT, 1),
            account: AccountId::new(AT, 1),
            site: SiteId::new(AT, 1),
            visitor: VisitorId::new(AT, 1),
            started_at: AT,
            seen_at: AT,
            landing_page: "https://www.example.com/?gclid=a".into(),
            referrer: None,
            source: Source {
                kind: SourceKind::Paid,
                name: "Google Ads".into(),
                campaign: None,
                keyword: None,
            },
            utm: Utm::default(),
            click_id: None,
            language: None,
            device: None,
            address_prefix: None,
        }
    }

    /// Answered after 5 s, over after 65 s.
    fn call() -> Call {
        Call {
            id: CallId::new(AT, 1),
            account: AccountId::new(AT, 1),
            number: NumberId::new(AT, 1),
            dialled: "+442079460100".parse().unwrap(),
            caller: Some("+441632960001".parse().unwrap()),
            trunk: TrunkId::new(AT, 1),
            plan: None,
            sip_call_id: "a@example.com".into(),
            started_at: AT,
            answered_at: Some(AT + Duration::from_secs(5)),
            ended_at: Some(AT + Duration::from_secs(65)),
            disposition: Some(Disposition::Answered),
            reason: None,
            target: None,
            failed_over: false,
            visit: Some(VisitId::new(AT, 1)),
            source: None,
            confidence: Confidence::Certain,
            server: None,
        }
    }

    const RULE: ConversionRule = ConversionRule {
        counts: CountedCalls::Answered,
        seconds: 60,
        first_only: false,
        consent: ConsentRule::Waited,
        hashed_caller: false,
    };

    fn asked(
        rule: ConversionRule,
        call: &Call,
        visit: Option<&Visit>,
        consent: Option<bool>,
        lead: Option<Lead>,
        called_before: bool,
    ) -> Result<(), NotCounted> {
        let told = ToldForConversions {
            consent,
            ..ToldForConversions::default()
        };
        let known = CallKnown {
            call,
            visit,
            told: &told,
            lead,
            called_before,
        };
        counts(&rule, &known)
    }

    #[test]
    fn an_answered_call_counts_from_its_seconds_on() {
        let (visit, call) = (visit(), call());
        let of = |seconds| {
            let rule = ConversionRule { seconds, ..RULE };
            asked(rule, &call, Some(&visit), None, None, false)
        };
        assert_eq!(of(60), Ok(()));
        let (talked, least) = (60, 61);
        assert_eq!(of(61), Err(NotCounted::Short { talked, least }));
        let missed = Call {
            disposition: Some(Disposition::Missed),
            answered_at: None,
            ..call.clone()
        };
        let of = asked(RULE, &missed, Some(&visit), None, None, false);
        assert_eq!(of, Err(NotCounted::NotAnswered));
        let left = Call {
            disposition: Some(Disposition::Voicemail),
            ..call
        };
        let of = asked(RULE, &left, Some(&visit), None, None, false);
        assert_eq!(of, Err(NotCounted::NotAnswered));
    }

    #[test]
    fn a_lead_counts_once_somebody_said_so() {
        use CountedCalls::{Answered, Converted, Qualified};
        let (visit, call) = (visit(), call());
        let leads = [
            None,
            Some(Lead::Unqualified),
            Some(Lead::Qualified),
            Some(Lead::Converted),
        ];
        for (counts, expected) in [
            (Answered, [true, false, true, true]),
            (Qualified, [false, false, true, true]),
            (Converted, [false, false, false, true]),
        ] {
            let rule = ConversionRule { counts, ..RULE };
            let of = |lead| asked(rule, &call, Some(&visit), None, lead, false).is_ok();
            assert_eq!(leads.map(of), expected, "{counts:?}");
        }
    }

    #[test]
    fn who_did_not_agree_is_never_told_of() {
        let (visit, call) = (visit(), call());
        let told = ConversionRule {
            consent: ConsentRule::Told,
            ..RULE
        };
        let of = |rule, consent| asked(rule, &call, Some(&visit), consent, None, false);
        assert_eq!(of(told, None), Err(NotCounted::NotAsked));
        assert_eq!(of(told, Some(true)), Ok(()));
        assert_eq!(of(told, Some(false)), Err(NotCounted::Denied));
        assert_eq!(of(RULE, Some(false)), Err(NotCounted::Denied));
    }

    #[test]
    fn a_call_without_a_sure_visit_and_an_erased_one_do_not_count() {
        let (visit, call) = (visit(), call());
        let of = |call: &Call, visit| asked(RULE, call, visit, None, None, false);
        assert_eq!(of(&call, None), Err(NotCounted::NoVisit));
        let shared = Call {
            confidence: Confidence::Shared,
            ..call.clone()
        };
        assert_eq!(of(&shared, Some(&visit)), Err(NotCounted::NoVisit));
        let gone = Visit {
            landing_page: String::new(),
            ..visit.clone()
        };
        assert_eq!(of(&call, Some(&gone)), Err(NotCounted::Erased));
        let erased = Call {
            sip_call_id: String::new(),
            ..call.clone()
        };
        assert_eq!(of(&erased, Some(&visit)), Err(NotCounted::Erased));
        let open = Call {
            ended_at: None,
            ..call
        };
        assert_eq!(of(&open, Some(&visit)), Err(NotCounted::UnderWay));
    }

    #[test]
    fn first_calls_alone_count_when_that_is_wished() {
        let (visit, call) = (visit(), call());
        let rule = ConversionRule {
            first_only: true,
            ..RULE
        };
        let of = |call: &Call, before| asked(rule, call, Some(&visit), None, None, before);
        assert_eq!(of(&call, false), Ok(()));
        assert_eq!(of(&call, true), Err(NotCounted::NotFirst));
        let withheld = Call {
            caller: None,
            ..call
        };
        assert_eq!(of(&withheld, false), Err(NotCounted::NotFirst));
    }

    #[test]
    fn the_last_word_of_a_page_stands_and_a_strange_one_is_no_consent() {
        let event = |kind, data: Value| VisitEvent {
            id: VisitEventId::new(AT, 1),
            account: AccountId::new(AT, 1),
            visit: VisitId::new(AT, 1),
            at: AT,
            kind,
            name: None,
            data: serde_json::from_value(data).unwrap(),
        };
        let tag = VisitEventKind::Tag;
        let told = ToldForConversions::of(&[
            event(tag, json!({"consent": "granted", "ga_client_id": "1.2"})),
            event(tag, json!({"ga_session_id": 1_790_000_000, "fbp": "a b"})),
            event(VisitEventKind::Event, json!({"consent": "denied"})),
        ]);
        assert_eq!(told.consent, Some(true));
        assert_eq!(told.ga_client_id.as_deref(), Some("1.2"));
        assert_eq!(told.ga_session_id.as_deref(), Some("1790000000"));
        assert_eq!(told.fbp, None, "no word of one piece");
        for (word, consent) in [
            (json!(true), true),
            (json!("denied"), false),
            (json!("perhaps"), false),
            (json!(null), false),
        ] {
            let told = ToldForConversions::of(&[event(tag, json!({"consent": word}))]);
            assert_eq!(told.consent, Some(consent));
        }
    }
}
