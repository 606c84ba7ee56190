//! A call's sound, and calls while they go on.

use std::time::Duration;

use futures::StreamExt;
use reqwest::StatusCode;
use ringfence_model::TargetId;
use ringfence_platform::board::BoardChange;
use ringfence_platform::{now, random};
use ringfence_testing::{Engine, on_both_engines};

use crate::board_call;
use crate::browser::Browser;
use crate::world::World;

on_both_engines!(
    recordings_are_played_from_anywhere,
    the_live_page_hears_of_its_own_calls_and_starts_anew_after_a_cut,
);

async fn recordings_are_played_from_anywhere(engine: Engine) {
    let world = World::full(engine).await;
    let browser = Browser::signed_in(&world, "ann@example.com").await;
    let path = format!("/calls/{}/recording.wav", world.call.unwrap());
    let whole = browser.get(&path).send().await.unwrap();
    assert_eq!(whole.status(), StatusCode::OK);
    assert_eq!(whole.headers()["accept-ranges"], "bytes");
    assert_eq!(whole.headers()["content-type"], "audio/wav");
    let whole = whole.bytes().await.unwrap();
    assert_eq!(&whole[..4], b"RIFF");
    for (range, expected) in [
        ("bytes=0-3", &whole[..4]),
        ("bytes=1000-1999", &whole[1000..2000]),
        ("bytes=-10", &whole[whole.len() - 10..]),
    ] {
        let part = browser
            .get(&path)
            .header("range", range)
            .send()
            .await
            .unwrap();
        assert_eq!(part.status(), StatusCode::PARTIAL_CONTENT, "{range}");
        assert!(
            part.headers()["content-range"]
                .to_str()
                .unwrap()
                .ends_with(&format!("/{}", whole.len()))
        );
        assert_eq!(part.bytes().await.unwrap(), expected, "{range}");
    }
    let beyond = browser
        .get(&path)
        .header("range", "bytes=99999999-")
        .send()
        .await
        .unwrap();
    assert_eq!(beyond.status(), StatusCode::RANGE_NOT_SATISFIABLE);

    let shape = browser
        .page(&path.replace("recording.wav", "waveform.json"))
        .await;
    let shape: serde_json::Value = serde_json::from_str(&shape).unwrap();
    assert_eq!(shape["duration_ms"], 40_000);
    let loudest = |side: &str| {
        shape[side]
            .as_array()
            .unwrap()
            .iter()
            .filter_map(serde_json::Value::as_u64)
            .max()
    };
    assert!(loudest("left") > Some(20) && loudest("right") > Some(20));
}

/// The next thing that a stream of events tells.
async fn told(
    stream: &mut (impl futures::Stream<Item = reqwest::Result<bytes::Bytes>> + Unpin),
    buffer: &mut String,
) -> serde_json::Value {
    loop {
        if let Some((event, rest)) = buffer.split_once("\n\n") {
            let data = event
                .lines()
                .find_map(|line| line.strip_prefix("data: ").map(str::to_owned));
            *buffer = rest.into();
            if let Some(data) = data {
                return serde_json::from_str(&data).unwrap();
            }
            continue;
        }
        let piece = tokio::time::timeout(Duration::from_secs(10), stream.next()).await;
        buffer.push_str(
            std::str::from_utf8(&piece.expect("news within ten seconds").unwrap().unwrap())
                .unwrap(),
        );
    }
}

async fn the_live_page_hears_of_its_own_calls_and_starts_anew_after_a_cut(engine: Engine) {
    let world = World::empty(engine).await;
    let browser = Browser::signed_in(&world, "ann@example.com").await;
    let board = &world.platform.board;
    let first = board_call(world.account.id);
    let id = first.id;
    board.began(first);
    assert!(
        browser.page("/live").await.contains("01632 960001"),
        "it stands without a script"
    );

    let answer = browser.get("/live/events").send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    let (mut stream, mut buffer) = (answer.bytes_stream(), String::new());
    let all = told(&mut stream, &mut buffer).await;
    assert_eq!(
        (all["kind"].as_str(), all["rows"].as_array().unwrap().len()),
        (Some("all"), 1)
    );
    board.began(board_call(world.stranger.id));
    let target = TargetId::new(now(), random());
    board.changed(
        id,
        BoardChange::Ringing {
            target,
            name: "Front desk".into(),
            at: now(),
        },
    );
    let news = told(&mut stream, &mut buffer).await;
    assert_eq!(
        (news["kind"].as_str(), news["row"]["id"].as_str()),
        (Some("call"), Some(id.to_string().as_str()))
    );
    assert!(
        news["row"]["html"]
            .as_str()
            .unwrap()
            .contains("rings Front desk")
    );
    drop(stream);

    board.ended(id);
    let second = board_call(world.account.id);
    let later = second.id;
    board.began(second);
    let answer = browser.get("/live/events").send().await.unwrap();
    let (mut stream, mut buffer) = (answer.bytes_stream(), String::new());
    let all = told(&mut stream, &mut buffer).await;
    assert_eq!(all["rows"][0]["id"], later.to_string());
    assert_eq!(all["rows"].as_array().unwrap().len(), 1);
    board.ended(later);
    let gone = told(&mut stream, &mut buffer).await;
    assert_eq!(
        (gone["kind"].as_str(), gone["id"].as_str()),
        (Some("gone"), Some(later.to_string().as_str()))
    );

    world.platform.stopping.cancel();
    let end = tokio::time::timeout(Duration::from_secs(10), stream.next())
        .await
        .unwrap();
    assert!(end.is_none(), "a server that stops ends its streams");
}
