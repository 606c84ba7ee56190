//! Serves the dashboard over a furnished world, for whoever works on its looks:
//! `cargo run -p ringfence-web --example preview [ADDRESS]`, then open the link that it prints. Ctrl-C ends it.

#[path = "../tests/world/mod.rs"]
mod world;

use std::sync::Arc;
use std::time::Duration;

use ringfence_model::{CallId, Confidence, Party, Source, SourceKind, TargetId};
use ringfence_platform::board::{BoardCall, BoardChange, BoardState};
use ringfence_platform::{Platform, now, random};
use ringfence_testing::Engine;
use world::World;

#[tokio::main]
async fn main() {
    let address = std::env::args()
        .nth(1)
        .unwrap_or_else(|| "127.0.0.1:8099".into());
    let mut world = World::serve(Engine::Sqlite, &address).await;
    if std::env::args().nth(2).as_deref() != Some("empty") {
        world.furnish().await;
        ring(&world.platform, &world);
    }
    let link = world
        .platform
        .sign_in_link(&world.owner, Duration::from_hours(1), now());
    println!("{}", world.url(&format!("/sign-in/link?token={link}")));
    println!("or sign in as ann@example.com with {:?}", world::PASSWORD);
    if let Some(call) = world.call {
        println!("a whole call: {}", world.url(&format!("/calls/{call}")));
    }
    tokio::signal::ctrl_c()
        .await
        .expect("Ctrl-C can be listened for");
}

/// Three calls under way, and one that comes and goes.
fn ring(platform: &Arc<Platform>, world: &World) {
    let account = world.account.id;
    let call = |seconds: u64, last: u32, source: &str, kind| BoardCall {
        id: CallId::new(now() - Duration::from_secs(seconds), random()),
        account,
        caller: Some(format!("+4416329601{last:02}").parse().expect("a number")),
        dialled: "+442079460104".parse().expect("a number"),
        started_at: now() - Duration::from_secs(seconds),
        source: Some(Source {
            kind,
            name: source.into(),
            campaign: Some("Implants London".into()),
            keyword: None,
        }),
        confidence: Confidence::Certain,
        state: BoardState::Arriving,
    };
    let ringing = |name: &str, ago| BoardChange::Ringing {
        target: TargetId::new(now(), random()),
        name: name.into(),
        at: now() - Duration::from_secs(ago),
    };
    let (talking, held, waiting) = (
        call(192, 11, "Google Ads", SourceKind::Paid),
        call(75, 12, "Newsletter", SourceKind::Mail),
        call(6, 13, "Google", SourceKind::Search),
    );
    let board = &platform.board;
    for (call, changes) in [
        (
            talking,
            vec![
                ringing("Front desk", 190),
                BoardChange::Answered {
                    at: now() - Duration::from_mins(3),
                },
            ],
        ),
        (
            held,
            vec![
                ringing("Maria at home", 74),
                BoardChange::Answered {
                    at: now() - Duration::from_mins(1),
                },
                BoardChange::Held { by: Party::Callee },
            ],
        ),
        (waiting, vec![ringing("Front desk", 5)]),
    ] {
        let id = call.id;
        board.began(call);
        for change in changes {
            board.changed(id, change);
        }
    }
    let platform = Arc::clone(platform);
    tokio::spawn(async move {
        for nth in 20.. {
            let call = BoardCall {
                id: CallId::new(now(), random()),
                account,
                caller: Some(
                    format!("+4416329601{:02}", nth % 100)
                        .parse()
                        .expect("a number"),
                ),
                dialled: "+442079460102".parse().expect("a number"),
                started_at: now(),
                source: None,
                confidence: Confidence::Unknown,
                state: BoardState::Arriving,
            };
            let id = call.id;
            platform.board.began(call);
            tokio::time::sleep(Duration::from_secs(4)).await;
            platform.board.ended(id);
            tokio::time::sleep(Duration::from_secs(4)).await;
        }
    });
}
