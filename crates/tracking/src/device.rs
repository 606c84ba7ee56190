//! The kind of device, told by a browser's user agent.

/// `phone`, `tablet` or `desktop`; nothing when the user agent says nothing.
pub fn device(user_agent: &str) -> Option<&'static str> {
    let says = |word: &str| user_agent.contains(word);
    if user_agent.trim().is_empty() {
        None
    } else if says("iPad") || says("Tablet") || (says("Android") && !says("Mobile")) {
        Some("tablet")
    } else if says("Mobi") || says("iPhone") {
        Some("phone")
    } else {
        Some("desktop")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_are_told_apart() {
        for (user_agent, expected) in [
            ("", None),
            (
                "Mozilla/5.0 (X11; Linux x86_64) Chrome/140",
                Some("desktop"),
            ),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0) Mobile/15E148",
                Some("phone"),
            ),
            (
                "Mozilla/5.0 (Linux; Android 16) Chrome/140 Mobile",
                Some("phone"),
            ),
            ("Mozilla/5.0 (Linux; Android 16) Chrome/140", Some("tablet")),
            (
                "Mozilla/5.0 (iPad; CPU OS 19_0) Mobile/15E148",
                Some("tablet"),
            ),
        ] {
            assert_eq!(device(user_agent), expected, "{user_agent}");
        }
    }
}
