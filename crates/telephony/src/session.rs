//! Session timers (RFC 4028): how long a side may give no sign of life, and who asks for one.
//!
//! Both sides of a call have one each. A side that does not know of timers is asked all the same: a BYE that
//! got lost must not let a call live for ever.

use std::time::Duration;

use rsipstack::sip::{Header, Headers, Request, Response};
use tokio::time::Instant;

use crate::TelephonyConfig;
use crate::message;

/// Longer sessions than a day are as good as none.
const LONGEST: u32 = 86_400;
/// The room before the end in which a hang-up still reaches the other side (RFC 4028 §10).
const MARGIN: Duration = Duration::from_secs(32);
/// How often in a row a side may say that an interval is too short.
const MAX_RAISES: u8 = 2;

/// What a request asks for (RFC 4028 §4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Wish {
    seconds: u32,
    /// Who refreshes: the one who sent the request (`uac`), the one who got it, or whoever the latter says.
    by_sender: Option<bool>,
}

/// What is to be done about a session now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Due {
    /// Nothing yet.
    Nothing,
    /// Ask the side for a sign of life.
    Refresh,
    /// It gave none in this time.
    Gone(Duration),
}

/// What we ask for and take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Seconds; 0 asks for nothing.
    interval: u32,
    /// Seconds.
    minimum: u32,
}

impl Limits {
    pub(crate) fn new(config: &TelephonyConfig) -> Self {
        let seconds = |length: Duration| u32::try_from(length.as_secs()).unwrap_or(LONGEST);
        Self {
            interval: seconds(config.session_interval).min(LONGEST),
            minimum: seconds(config.session_minimum).clamp(1, LONGEST),
        }
    }

    /// `Min-SE` (RFC 4028 §5).
    pub(crate) fn minimum(self) -> Header {
        Header::MinSE(self.minimum.to_string().into())
    }

    /// What our first INVITE to a target says. `at_least` is what a target's 422 asked for, in seconds.
    pub(crate) fn ask(self, at_least: u32) -> Vec<Header> {
        if self.interval == 0 {
            return Vec::new();
        }
        let minimum = self.minimum.max(at_least);
        vec![
            Header::SessionExpires(self.interval.max(minimum).to_string().into()),
            Header::MinSE(minimum.to_string().into()),
        ]
    }
}

/// One side's timer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Session {
    interval: Duration,
    /// We ask; else the side does.
    ours: bool,
    since: Instant,
    /// We have asked, and wait for the answer.
    asked: bool,
    ask_again: Option<Instant>,
    raises: u8,
}

impl Session {
    fn new(seconds: u32, ours: bool, now: Instant) -> Self {
        Self {
            interval: Duration::from_secs(seconds.into()),
            ours,
            since: now,
            asked: false,
            ask_again: None,
            raises: 0,
        }
    }

    /// What a request that begins or refreshes a session comes to, and what its 2xx says (RFC 4028 §9).
    ///
    /// # Errors
    /// The interval is shorter than we take: 422 with [`Limits::minimum`].
    pub(crate) fn requested(
        request: &Request,
        limits: Limits,
        now: Instant,
    ) -> Result<(Option<Self>, Vec<Header>), ()> {
        let knows = message::supports(&request.headers, "timer");
        let wish = wish(&request.headers);
        let theirs = minimum(&request.headers).unwrap_or(0).min(LONGEST);
        let minimum = limits.minimum.max(theirs);
        let seconds = match wish {
            Some(wish) if knows && wish.seconds < limits.minimum => return Err(()),
            Some(wish) if limits.interval > 0 => wish.seconds.min(limits.interval).max(minimum),
            Some(wish) => wish.seconds.clamp(minimum, LONGEST.max(minimum)),
            None if limits.interval > 0 => limits.interval.max(minimum),
            None => return Ok((None, Vec::new())),
        };
        // A side that leaves it open is asked by us: one end less to trust.
        let ours = !(knows && wish.and_then(|wish| wish.by_sender) == Some(true));
        let refresher = if ours { "uas" } else { "uac" };
        let mut headers = vec![Header::SessionExpires(
            format!("{seconds};refresher={refresher}").into(),
        )];
        if !ours {
            headers.push(Header::Require("timer".to_owned().into()));
        }
        Ok((Some(Self::new(seconds, ours, now)), headers))
    }

    /// What a 2xx to a request of ours comes to (RFC 4028 §7.2). `before` is the session so far.
    pub(crate) fn answered(
        response: &Response,
        limits: Limits,
        before: Option<Self>,
        now: Instant,
    ) -> Option<Self> {
        match wish(&response.headers) {
            Some(wish) => {
                // Shorter than we said that we take: a side cannot make us ask all the time.
                let seconds = wish.seconds.clamp(limits.minimum, LONGEST);
                Some(Self::new(seconds, wish.by_sender != Some(false), now))
            }
            None => match before {
                Some(before) => Some(Self {
                    since: now,
                    asked: false,
                    ask_again: None,
                    raises: 0,
                    ours: true,
                    ..before
                }),
                None if limits.interval > 0 => {
                    Some(Self::new(limits.interval.max(limits.minimum), true, now))
                }
                None => None,
            },
        }
    }

    /// What a request of ours inside the dialog says, so that roles and length stay (RFC 4028 §7.4).
    pub(crate) fn headers(&self, limits: Limits) -> Vec<Header> {
        let refresher = if self.ours { "uac" } else { "uas" };
        let seconds = self.interval.as_secs();
        vec![
            Header::SessionExpires(format!("{seconds};refresher={refresher}").into()),
            limits.minimum(),
        ]
    }

    /// The next instant at which [`Session::due`] says something.
    pub(crate) fn next(&self) -> Instant {
        let end = self.end();
        if self.ours && !self.asked {
            self.ask_at().min(end)
        } else {
            end
        }
    }

    /// What is to be done now. [`Due::Refresh`] is said once, until an answer is noted.
    pub(crate) fn due(&mut self, now: Instant) -> Due {
        if now >= self.end() {
            Due::Gone(self.interval)
        } else if self.ours && !self.asked && now >= self.ask_at() {
            self.asked = true;
            Due::Refresh
        } else {
            Due::Nothing
        }
    }

    /// The side did not take a refresh, but it is there, or may be: ask again.
    pub(crate) fn ask_again_at(&mut self, at: Instant) {
        self.asked = false;
        self.ask_again = Some(at);
    }

    /// The side wants a longer interval (422); whether there is sense in asking again.
    pub(crate) fn raise(&mut self, response: &Response, now: Instant) -> bool {
        let Some(seconds) = minimum(&response.headers) else {
            return false;
        };
        self.raises += 1;
        let longer = Duration::from_secs(seconds.min(LONGEST).into());
        if self.raises > MAX_RAISES || longer <= self.interval {
            return false;
        }
        // It has answered: it is there.
        self.since = now;
        self.interval = longer;
        self.ask_again_at(now);
        true
    }

    /// Half of the interval, so that a refresh that gets lost can be sent again (RFC 4028 §10).
    fn ask_at(&self) -> Instant {
        self.ask_again.unwrap_or(self.since + self.interval / 2)
    }

    fn end(&self) -> Instant {
        self.since + self.interval.saturating_sub(MARGIN.min(self.interval / 3))
    }
}

/// The shortest interval that a message says its sender takes, in seconds.
pub(crate) fn minimum(headers: &Headers) -> Option<u32> {
    headers.iter().find_map(|header| match header {
        Header::MinSE(value) => seconds(value.value()),
        _ => None,
    })
}

fn wish(headers: &Headers) -> Option<Wish> {
    let value = message::header(headers, "Session-Expires", Some("x"))?;
    let by_sender = value.split(';').skip(1).find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        if !name.trim().eq_ignore_ascii_case("refresher") {
            return None;
        }
        match value.trim().to_ascii_lowercase().as_str() {
            "uac" => Some(true),
            "uas" => Some(false),
            _ => None,
        }
    });
    Some(Wish {
        seconds: seconds(value)?,
        by_sender,
    })
}

fn seconds(value: &str) -> Option<u32> {
    value.split(';').next()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rsipstack::sip::{SipMessage, StatusCode};

    fn limits(interval: u64, minimum: u64) -> Limits {
        Limits::new(&TelephonyConfig {
            session_interval: Duration::from_secs(interval),
            session_minimum: Duration::from_secs(minimum),
            ..TelephonyConfig::default()
        })
    }

    fn request(extra: &str) -> Request {
        let text = format!(
            "INVITE sip:a@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKx\r\n\
             From: <sip:b@example.com>;tag=abc\r\nTo: <sip:a@192.0.2.1>\r\nCall-ID: c1\r\n\
             CSeq: 1 INVITE\r\n{extra}Content-Length: 0\r\n\r\n"
        );
        match SipMessage::try_from(text.as_bytes()).expect("it is sound") {
            SipMessage::Request(request) => request,
            SipMessage::Response(_) => panic!("it is a request"),
        }
    }

    fn answer(extra: Vec<Header>) -> Response {
        Response {
            status_code: StatusCode::OK,
            headers: extra.into(),
            ..Response::default()
        }
    }

    /// Seconds, whether we refresh, and whether the answer requires `timer`.
    fn requested(extra: &str, limits: Limits) -> Result<Option<(u64, bool, bool)>, ()> {
        let now = Instant::now();
        Session::requested(&request(extra), limits, now).map(|(session, headers)| {
            session.map(|session| {
                let requires = headers.iter().any(|h| matches!(h, Header::Require(_)));
                (session.interval.as_secs(), session.ours, requires)
            })
        })
    }

    #[test]
    fn a_caller_gets_the_interval_and_the_role_that_it_asks_for() {
        let ours = limits(1800, 90);
        for (extra, expected) in [
            ("", Ok(Some((1800, true, false)))),
            ("Supported: timer\r\n", Ok(Some((1800, true, false)))),
            (
                "Supported: timer\r\nSession-Expires: 600;refresher=uac\r\n",
                Ok(Some((600, false, true))),
            ),
            (
                "k: 100rel, timer\r\nx: 600;refresher=uas\r\n",
                Ok(Some((600, true, false))),
            ),
            (
                "Supported: timer\r\nSession-Expires: 7200\r\n",
                Ok(Some((1800, true, false))),
            ),
            (
                "Supported: timer\r\nSession-Expires: 7200\r\nMin-SE: 3600\r\n",
                Ok(Some((3600, true, false))),
            ),
            ("Supported: timer\r\nSession-Expires: 89\r\n", Err(())),
            // A proxy put it in for a caller that knows no timers; it cannot be told 422 (RFC 4028 §8.1).
            (
                "Session-Expires: 89;refresher=uac\r\n",
                Ok(Some((90, true, false))),
            ),
            ("Session-Expires: soon\r\n", Ok(Some((1800, true, false)))),
        ] {
            assert_eq!(requested(extra, ours), expected, "{extra}");
        }
        assert_eq!(requested("", limits(0, 90)), Ok(None));
    }

    #[test]
    fn a_target_says_who_refreshes_and_one_that_says_nothing_is_asked() {
        let now = Instant::now();
        let answered = |value: Option<&str>, limits| {
            let headers = value
                .map(|value| Header::SessionExpires(value.to_owned().into()))
                .into_iter()
                .collect();
            Session::answered(&answer(headers), limits, None, now)
                .map(|session| (session.interval.as_secs(), session.ours))
        };
        assert_eq!(
            answered(Some("600;refresher=uas"), limits(1800, 90)),
            Some((600, false))
        );
        assert_eq!(
            answered(Some("600;refresher=uac"), limits(1800, 90)),
            Some((600, true))
        );
        assert_eq!(
            answered(Some("1;refresher=uac"), limits(1800, 90)),
            Some((90, true))
        );
        assert_eq!(answered(None, limits(1800, 90)), Some((1800, true)));
        assert_eq!(answered(None, limits(0, 90)), None);
    }

    #[test]
    fn we_ask_at_half_time_and_give_up_before_the_end() {
        let now = Instant::now();
        let mut session = Session::new(180, true, now);
        assert_eq!(session.next(), now + Duration::from_secs(90));
        assert_eq!(session.due(now), Due::Nothing);
        assert_eq!(session.due(now + Duration::from_secs(90)), Due::Refresh);
        assert_eq!(session.due(now + Duration::from_secs(91)), Due::Nothing);
        assert_eq!(session.next(), now + Duration::from_secs(148));
        let gone = Due::Gone(Duration::from_mins(3));
        assert_eq!(session.due(now + Duration::from_secs(148)), gone);
        let theirs = Session::new(180, false, now);
        assert_eq!(theirs.next(), now + Duration::from_secs(148));
    }

    #[test]
    fn a_side_may_raise_the_interval_twice_and_no_more() {
        let now = Instant::now();
        let mut session = Session::new(90, true, now);
        let refusal = |seconds: u32| answer(vec![Header::MinSE(seconds.to_string().into())]);
        assert!(session.raise(&refusal(120), now));
        assert_eq!(session.due(now), Due::Refresh);
        assert!(!session.raise(&refusal(60), now), "that is no reason");
        assert!(!session.raise(&refusal(300), now), "it does so for ever");
    }
}
