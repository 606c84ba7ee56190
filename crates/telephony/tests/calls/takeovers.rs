//! Attended transfers: the callee joins its caller with the colleague whom it has called, whose dialog is taken over.

use std::time::Duration;

use ringfence_model::{CallEventKind, Disposition, LegOutcome, Party};

use crate::harness::{Log, NUMBER, Policy, Server};
use crate::phone::Phone;

const EXTENSION: &str = "102";

/// A caller, its callee, the callee's other line, and a colleague.
struct Scene {
    caller: Phone,
    callee: Phone,
    other_line: Phone,
    colleague: Phone,
}

impl Scene {
    /// The callee has its caller on hold, and calls the colleague, whom it rings at.
    fn calling(mut self) -> Self {
        self.caller.invites(NUMBER);
        self.callee.answers();
        self.caller.is_answered();
        self.callee.holds(&mut self.caller);
        self.other_line.invites(EXTENSION);
        self
    }

    /// The same, and they talk.
    fn consulting(self) -> Self {
        let mut scene = self.calling();
        scene.colleague.answers();
        scene.other_line.is_answered();
        scene
    }

    /// The callee asks for them to be joined.
    fn refers(&mut self) {
        let replaces = self.other_line.replaces();
        self.callee.refers(&replaces);
        self.callee.hears("SIP/2.0 202");
        self.callee.is_told("100 Trying");
    }
}

/// Plays a scene to its end; the calls that ended, in order.
async fn play(scene: impl FnOnce(Scene) + Send + 'static) -> [Log; 2] {
    let nowhere = ([127, 0, 0, 1], 9).into();
    let [caller, mut callee, other_line, mut colleague] = [0; 4].map(|_| Phone::new(nowhere));
    let policy = Policy {
        targets: vec![(callee.uri(), Duration::from_secs(20))],
        extension: Some((EXTENSION.into(), colleague.uri())),
        joins: true,
        ..Policy::default()
    };
    let mut server = Server::start(policy).await;
    let (mut caller, mut other_line) = (caller, other_line);
    for phone in [&mut caller, &mut callee, &mut other_line, &mut colleague] {
        phone.calls_from(server.address);
    }
    let phones = Scene {
        caller,
        callee,
        other_line,
        colleague,
    };
    let played = tokio::task::spawn_blocking(move || scene(phones));
    played.await.expect("every side of it");
    [server.ended().await, server.ended().await]
}

#[tokio::test]
async fn a_callee_joins_its_caller_with_the_colleague_whom_it_has_called() {
    let [talk, call] = play(|scene| {
        let mut scene = scene.consulting();
        scene.refers();
        scene.colleague.is_moved("sendrecv", "sendrecv");
        scene.caller.is_moved("sendrecv", "sendrecv");
        scene.callee.is_told("200 OK");
        scene.callee.gets_hung_up();
        scene.other_line.gets_hung_up();
        let Scene {
            mut caller,
            mut colleague,
            ..
        } = scene;
        std::thread::scope(|both| {
            let colleague = both.spawn(|| colleague.speaks(880.0, 75));
            let heard = caller.speaks(440.0, 75);
            assert!(heard.level(880.0) > 0.2, "{}", heard.level(880.0));
            let heard = colleague.join().expect("the colleague's side");
            assert!(heard.level(440.0) > 0.2, "{}", heard.level(440.0));
        });
        caller.hangs_up();
        colleague.gets_hung_up();
    })
    .await;
    assert_eq!(talk.reason(), "the callee was joined with another caller");
    let words = call.words();
    let answers = words.iter().filter(|word| **word == "answered").count();
    assert_eq!((answers, words.contains(&"left")), (2, true), "{words:?}");
    assert!(call.has(&CallEventKind::HungUp { by: Party::Caller }));
    assert_eq!(call.ended(), (Disposition::Answered, None));
}

#[tokio::test]
async fn whoever_knows_no_dialog_of_its_own_joins_nobody() {
    play(|scene| {
        let mut scene = scene.consulting();
        let right = scene.other_line.replaces();
        for wrong in [
            right.replace("tag%3Dphone", "tag%3Danother"),
            right.replace("to-tag%3D", "to-tag%3Dx"),
            // Its own dialog of this very call, from the other end.
            scene.caller.replaces(),
        ] {
            scene.callee.refers(&wrong);
            scene.callee.hears("SIP/2.0 481");
        }
        scene.other_line.hangs_up();
        scene.colleague.gets_hung_up();
        scene.caller.hangs_up();
        scene.callee.gets_hung_up();
    })
    .await;
}

#[tokio::test]
async fn a_colleague_who_rings_still_is_not_taken_and_goes_on_ringing() {
    let [_, call] = play(|scene| {
        let mut scene = scene.calling();
        let invite = scene.colleague.hears("INVITE");
        scene.colleague.reply(&invite, "180 Ringing", "");
        let ringing = scene.other_line.hears("SIP/2.0 180");
        scene.other_line.learns(&ringing);
        scene.refers();
        scene.callee.is_told("503");
        let sdp = scene.colleague.sdp("sendrecv");
        scene.colleague.reply(&invite, "200 OK", &sdp);
        scene.other_line.is_answered();
        scene.other_line.hangs_up();
        scene.colleague.gets_hung_up();
        scene.caller.hangs_up();
        scene.callee.gets_hung_up();
    })
    .await;
    assert_eq!(call.outcomes(), [LegOutcome::Failed]);
    assert!(call.words().contains(&"not put through"));
}

#[tokio::test]
async fn a_colleague_who_hangs_up_in_that_moment_leaves_the_caller_with_its_callee() {
    let [_, call] = play(|scene| {
        let mut scene = scene.consulting();
        scene.refers();
        let invite = scene.colleague.hears("INVITE");
        scene.colleague.hangs_up();
        let unknown = "481 Call/Transaction Does Not Exist";
        scene.colleague.reply(&invite, unknown, "");
        scene.callee.is_told("503");
        scene.other_line.gets_hung_up();
        scene.caller.hangs_up();
        scene.callee.gets_hung_up();
    })
    .await;
    assert!(call.words().contains(&"not put through"));
    assert!(!call.words().contains(&"left"));
}

#[tokio::test]
async fn a_caller_who_hangs_up_in_that_moment_leaves_nobody_on_the_line() {
    let [_, call] = play(|scene| {
        let mut scene = scene.consulting();
        scene.refers();
        let invite = scene.colleague.hears("INVITE");
        scene.caller.hangs_up();
        scene.callee.is_told("487");
        scene.callee.gets_hung_up();
        let sdp = scene.colleague.sdp("sendrecv");
        scene.colleague.reply(&invite, "200 OK", &sdp);
        scene.colleague.gets_hung_up();
        scene.other_line.gets_hung_up();
    })
    .await;
    assert_eq!(call.reason(), "the caller hung up");
}
