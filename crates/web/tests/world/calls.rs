//! Calls as the program would have written them.

use std::f64::consts::TAU;
use std::time::Duration;

use ringfence_model::{
    Call, CallEvent, CallEventKind, CallId, ClickId, Confidence, Disposition, Lease, LeaseId, Leg,
    LegId, LegOutcome, Party, Recording, RecordingId, RecordingState, Source, SourceKind,
    Timestamp, Utm, Visit, VisitId, VisitorId,
};
use ringfence_platform::random;
use ringfence_store::Write;

use super::{House, World};

/// Name, class, campaign, keyword, and how many of a hundred visits come from there.
const SOURCES: [(&str, SourceKind, Option<&str>, Option<&str>, u64); 6] = [
    (
        "Google Ads",
        SourceKind::Paid,
        Some("Implants London"),
        Some("dental implants near me"),
        38,
    ),
    ("Google", SourceKind::Search, None, None, 22),
    (
        "Microsoft Ads",
        SourceKind::Paid,
        Some("Emergency"),
        Some("emergency dentist"),
        12,
    ),
    ("news.example.com", SourceKind::Referral, None, None, 8),
    ("Newsletter", SourceKind::Mail, Some("March"), None, 6),
    ("Direct", SourceKind::Direct, None, None, 14),
];

/// Numbers drawn from a seed, so that every preview and test sees the same world.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

/// Sixty days of calls: more by day than by night, more in this month than in the one before.
pub async fn many(world: &World, house: &House, now: Timestamp) {
    let mut dice = Dice(11);
    let midnight = now.as_micros() - now.as_micros().rem_euclid(86_400_000_000);
    let midnight = Timestamp::from_micros(midnight);
    for day in (0..60_u64).rev() {
        let mut writes = Vec::new();
        let calls = if day < 30 {
            10 + dice.roll(14)
        } else {
            8 + dice.roll(9)
        };
        for _ in 0..calls {
            let hour = 7 + dice.roll(7) + dice.roll(6);
            let of_day = Duration::from_secs(hour * 3_600 + dice.roll(3_600));
            let at = midnight - Duration::from_secs((day + 1) * 86_400) + of_day;
            writes.extend(finished(house, at, &mut dice));
        }
        world.platform.db.write(writes).await.unwrap();
    }
}

fn finished(house: &House, at: Timestamp, dice: &mut Dice) -> Vec<Write> {
    let (call, visit) = begun(house, at, dice);
    let (id, account) = (call.id, call.account);
    let mut writes: Vec<Write> = visit
        .into_iter()
        .map(|visit| Write::Visit(Box::new(visit)))
        .collect();
    writes.push(Write::CallBegun(Box::new(call)));
    let wait = Duration::from_secs(4 + dice.roll(16));
    let (disposition, reason, talk) = match dice.roll(100) {
        0..84 => (
            Disposition::Answered,
            "the caller hung up",
            20 + dice.roll(400),
        ),
        84..92 => (Disposition::Missed, "486 Busy Here from the last target", 0),
        92..98 => (Disposition::Abandoned, "the caller gave up", 0),
        _ => (Disposition::Failed, "no target could be reached", 0),
    };
    if disposition == Disposition::Answered {
        let target = house.targets[dice.roll(2) as usize].0;
        let failed_over = dice.roll(6) == 0;
        writes.push(Write::CallAnswered {
            group: None,
            account,
            call: id,
            at: at + wait,
            target,
            failed_over,
        });
    }
    let end = at + wait + Duration::from_secs(talk);
    writes.push(Write::CallEnded {
        account,
        call: id,
        at: end,
        disposition,
        reason: Some(reason.into()),
        failed_over: false,
    });
    writes
}

fn begun(house: &House, at: Timestamp, dice: &mut Dice) -> (Call, Option<Visit>) {
    let account = house.account.id;
    let number = &house.numbers[dice.roll(11) as usize];
    let known = dice.roll(100) < 93;
    let mut share = dice.roll(100);
    let (name, kind, campaign, keyword, _) = SOURCES
        .into_iter()
        .find(|(.., weight)| {
            let here = share < *weight;
            share = share.saturating_sub(*weight);
            here
        })
        .unwrap_or(SOURCES[0]);
    let source = Source {
        kind,
        name: name.into(),
        campaign: campaign.map(Into::into),
        keyword: keyword.map(Into::into),
    };
    let visit = known.then(|| Visit {
        id: VisitId::new(at, random()),
        account,
        site: house.site.id,
        visitor: VisitorId::new(at, random()),
        started_at: at - Duration::from_secs(30 + dice.roll(500)),
        seen_at: at - Duration::from_secs(5),
        landing_page: "https://www.example.com/implants?utm_source=google&utm_medium=cpc&utm_campaign=Implants+London".into(),
        referrer: Some("https://www.google.com/".into()),
        source: source.clone(),
        utm: Utm::default(),
        click_id: Some(ClickId { parameter: "gclid".into(), value: "EAIaIQobChMI-example-k7".into() }),
        language: Some("en-GB".into()),
        device: Some("phone".into()),
        address_prefix: Some("203.0.113.0/24".into()),
    });
    let call = Call {
        id: CallId::new(at, random()),
        account,
        number: number.id,
        dialled: number.e164.clone(),
        caller: (dice.roll(12) > 0)
            .then(|| format!("+44163296{:04}", dice.roll(400)).parse().unwrap()),
        trunk: house.trunk,
        plan: Some(house.plan),
        sip_call_id: format!("{}@127.0.0.1", random()),
        started_at: at,
        answered_at: None,
        ended_at: None,
        disposition: None,
        reason: None,
        target: None,
        failed_over: false,
        visit: visit.as_ref().map(|visit| visit.id),
        source: known.then_some(source),
        confidence: if known {
            Confidence::Certain
        } else {
            Confidence::Unknown
        },
        server: None,
    };
    (call, visit)
}

/// An answered call with everything: a visit, a busy target before, hold, and a recording of two tones.
pub async fn one(world: &World, house: &House, at: Timestamp) -> CallId {
    let mut dice = Dice(3);
    let (mut call, visit) = loop {
        let (call, visit) = begun(house, at, &mut dice);
        if visit.is_some() && call.caller.is_some() {
            break (call, visit);
        }
    };
    let visit = visit.unwrap();
    let (id, account) = (call.id, call.account);
    call.visit = Some(visit.id);
    let (first, second) = (LegId::new(at, random()), LegId::new(at, random()));
    let recording = RecordingId::new(at, random());
    let (front, home) = (house.targets[0], house.targets[1]);
    let ms = |milliseconds: u64| at + Duration::from_millis(milliseconds);
    let source = call.source.as_ref().map(|source| source.name.clone());
    let ringing = |leg, target: (_, &str), reason: &str| CallEventKind::Ringing {
        leg,
        target: target.0,
        name: target.1.into(),
        group: None,
        reason: reason.into(),
    };
    let events = [
        (0, CallEventKind::Arrived),
        (
            1,
            CallEventKind::Attributed {
                confidence: Confidence::Certain,
                source,
                reason: "one visit held this number when it was dialled".into(),
            },
        ),
        (4, ringing(first, front, "first of Reception")),
        (
            120,
            CallEventKind::Progress {
                leg: first,
                code: 180,
                early_media: false,
            },
        ),
        (
            9_120,
            CallEventKind::LegFailed {
                leg: first,
                outcome: LegOutcome::Busy,
                code: Some(486),
                reason: "busy".into(),
            },
        ),
        (9_124, ringing(second, home, "next in order of Reception")),
        (
            9_300,
            CallEventKind::Progress {
                leg: second,
                code: 180,
                early_media: false,
            },
        ),
        (14_800, CallEventKind::Answered { leg: second }),
        (14_802, CallEventKind::RecordingStarted { recording }),
        (31_000, CallEventKind::Held { by: Party::Callee }),
        (36_500, CallEventKind::Resumed { by: Party::Callee }),
        (54_800, CallEventKind::HungUp { by: Party::Caller }),
        (54_810, CallEventKind::RecordingFinished { recording }),
        (
            54_812,
            CallEventKind::Ended {
                disposition: Disposition::Answered,
                code: None,
                reason: "the caller hung up".into(),
            },
        ),
    ];
    let leg = |id, position, target: (_, &str), from| Leg {
        id,
        call: call.id,
        account,
        target: target.0,
        position,
        started_at: ms(from),
        answered_at: None,
        ended_at: None,
        outcome: None,
        code: None,
    };
    let path = format!("{account}/{recording}.wav");
    let size = write_tones(&world.platform.settings.recordings_folder.join(&path), 40);
    let number = house
        .numbers
        .iter()
        .find(|number| number.id == call.number)
        .unwrap();
    let lease = Lease {
        id: LeaseId::new(at, random()),
        account,
        pool: house.pool,
        number: number.id,
        e164: number.e164.clone(),
        visit: visit.id,
        started_at: visit.started_at,
        expires_at: at + Duration::from_secs(1_800),
        overflow: false,
    };
    let mut writes = vec![
        Write::Visit(Box::new(visit)),
        Write::Lease(Box::new(lease)),
        Write::LegBegun(leg(first, 0, front, 4)),
        Write::LegBegun(leg(second, 1, home, 9_124)),
        Write::LegEnded {
            account,
            leg: first,
            answered_at: None,
            ended_at: ms(9_120),
            outcome: LegOutcome::Busy,
            code: Some(486),
        },
        Write::LegEnded {
            account,
            leg: second,
            answered_at: Some(ms(14_800)),
            ended_at: ms(54_800),
            outcome: LegOutcome::Answered,
            code: Some(200),
        },
        Write::CallAnswered {
            group: None,
            account,
            call: id,
            at: ms(14_800),
            target: home.0,
            failed_over: true,
        },
        Write::RecordingOpened(Recording {
            id: recording,
            call: id,
            account,
            path,
            started_at: ms(14_802),
            duration_ms: 0,
            size: 0,
            sha256: None,
            state: RecordingState::Open,
        }),
        Write::RecordingClosed {
            account,
            recording,
            duration_ms: 40_000,
            size,
            sha256: Some(vec![1; 32]),
            state: RecordingState::Closed,
        },
    ];
    writes.insert(2, Write::CallBegun(Box::new(call)));
    writes.extend((0..).zip(events).map(|(sequence, (after, kind))| {
        Write::CallEvent(CallEvent {
            call: id,
            account,
            sequence,
            at: ms(after),
            kind,
        })
    }));
    writes.push(Write::CallEnded {
        account,
        call: id,
        at: ms(54_812),
        disposition: Disposition::Answered,
        reason: Some("the caller hung up".into()),
        failed_over: true,
    });
    world.platform.db.write(writes).await.unwrap();
    id
}

/// A stereo WAV file in which two people take turns; its size in octets.
fn write_tones(path: &std::path::Path, seconds: u32) -> u64 {
    let frames = seconds * 8_000;
    let mut bytes = Vec::with_capacity(44 + frames as usize * 4);
    bytes.extend_from_slice(b"RIFF");
    bytes.extend_from_slice(&(36 + frames * 4).to_le_bytes());
    bytes.extend_from_slice(b"WAVEfmt ");
    bytes.extend_from_slice(&16_u32.to_le_bytes());
    for word in [1_u16, 2] {
        bytes.extend_from_slice(&word.to_le_bytes());
    }
    bytes.extend_from_slice(&8_000_u32.to_le_bytes());
    bytes.extend_from_slice(&32_000_u32.to_le_bytes());
    for word in [4_u16, 16] {
        bytes.extend_from_slice(&word.to_le_bytes());
    }
    bytes.extend_from_slice(b"data");
    bytes.extend_from_slice(&(frames * 4).to_le_bytes());
    let mut dice = Dice(5);
    let mut loud = [0.0, 0.0];
    for frame in 0..frames {
        if frame % 1_600 == 0 {
            let turn = usize::from(frame / 8_000 % 7 > 3);
            let silent = (16..22).contains(&(frame / 8_000));
            loud = [0.0, 0.0];
            if !silent && dice.roll(8) > 0 {
                loud[turn] = 0.15 + 0.006 * dice.roll(100) as f64;
            }
        }
        let at = f64::from(frame) / 8_000.0;
        for (channel, pitch) in [440.0, 300.0].into_iter().enumerate() {
            let sample = (TAU * pitch * at).sin() * loud[channel] * 32_000.0;
            bytes.extend_from_slice(&(sample as i16).to_le_bytes());
        }
    }
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, &bytes).unwrap();
    bytes.len() as u64
}
