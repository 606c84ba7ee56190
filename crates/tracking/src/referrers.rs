//! Hosts that send visitors, by class: assistants, mail, social networks, search engines.

use ringfence_model::SourceKind;

/// What is known of a referrer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Referrer {
    pub kind: SourceKind,
    pub name: &'static str,
}

/// The class of a referrer's host, if it is known. Narrow hosts come before wide ones: `mail.google.com` before Google.
pub(crate) fn known(scheme: &str, host: &str) -> Option<Referrer> {
    if scheme == "android-app" {
        return find(APPS, |app| app == host);
    }
    find(HOSTS, |domain| is_within(host, domain))
        .or_else(|| find(IN_EVERY_COUNTRY, |label| is_in_a_country(host, label)))
        .or_else(|| {
            host.starts_with("webmail.").then_some(Referrer {
                kind: SourceKind::Mail,
                name: "Webmail",
            })
        })
}

/// The assistant that a link's `utm_source` names, by its host or its bare name.
pub(crate) fn known_by_name(utm_source: &str) -> Option<Referrer> {
    let lower = utm_source.to_ascii_lowercase();
    let host = lower.strip_prefix("www.").unwrap_or(&lower);
    HOSTS
        .iter()
        .find(|&&(domain, kind, name)| {
            kind == SourceKind::Assistant && (domain == host || name.eq_ignore_ascii_case(host))
        })
        .map(|&(_, kind, name)| Referrer { kind, name })
}

type Row = (&'static str, SourceKind, &'static str);

fn find(rows: &[Row], matches: impl Fn(&str) -> bool) -> Option<Referrer> {
    rows.iter()
        .find(|(pattern, _, _)| matches(pattern))
        .map(|&(_, kind, name)| Referrer { kind, name })
}

/// `host` is `domain` or below it.
fn is_within(host: &str, domain: &str) -> bool {
    host.strip_suffix(domain)
        .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

/// `host` is `LABEL.TLD` or `www.LABEL.TLD`, with a top-level domain such as `de`, `com` or `co.uk`.
fn is_in_a_country(host: &str, label: &str) -> bool {
    let host = host.strip_prefix("www.").unwrap_or(host);
    let Some(top) = host
        .strip_prefix(label)
        .and_then(|rest| rest.strip_prefix('.'))
    else {
        return false;
    };
    let mut labels = top.split('.');
    labels
        .by_ref()
        .take(2)
        .all(|part| matches!(part.len(), 2..=3))
        && labels.next().is_none()
}

const APPS: &[Row] = &[
    ("com.google.android.gm", SourceKind::Mail, "Gmail"),
    (
        "com.google.android.googlequicksearchbox",
        SourceKind::Search,
        "Google",
    ),
    ("com.openai.chatgpt", SourceKind::Assistant, "ChatGPT"),
    ("com.linkedin.android", SourceKind::Social, "LinkedIn"),
    ("com.slack", SourceKind::Referral, "Slack"),
    ("org.telegram.messenger", SourceKind::Social, "Telegram"),
];

const HOSTS: &[Row] = &[
    ("chatgpt.com", SourceKind::Assistant, "ChatGPT"),
    ("chat.openai.com", SourceKind::Assistant, "ChatGPT"),
    ("claude.ai", SourceKind::Assistant, "Claude"),
    ("perplexity.ai", SourceKind::Assistant, "Perplexity"),
    ("gemini.google.com", SourceKind::Assistant, "Gemini"),
    ("copilot.microsoft.com", SourceKind::Assistant, "Copilot"),
    ("chat.mistral.ai", SourceKind::Assistant, "Mistral"),
    ("chat.deepseek.com", SourceKind::Assistant, "DeepSeek"),
    ("grok.com", SourceKind::Assistant, "Grok"),
    ("meta.ai", SourceKind::Assistant, "Meta AI"),
    ("you.com", SourceKind::Assistant, "You.com"),
    ("poe.com", SourceKind::Assistant, "Poe"),
    ("chat.qwen.ai", SourceKind::Assistant, "Qwen"),
    ("kimi.com", SourceKind::Assistant, "Kimi"),
    ("phind.com", SourceKind::Assistant, "Phind"),
    ("mail.google.com", SourceKind::Mail, "Gmail"),
    ("outlook.live.com", SourceKind::Mail, "Outlook"),
    ("outlook.office.com", SourceKind::Mail, "Outlook"),
    ("outlook.office365.com", SourceKind::Mail, "Outlook"),
    ("mail.yahoo.com", SourceKind::Mail, "Yahoo Mail"),
    ("mail.aol.com", SourceKind::Mail, "AOL Mail"),
    ("mail.proton.me", SourceKind::Mail, "Proton Mail"),
    ("app.fastmail.com", SourceKind::Mail, "Fastmail"),
    ("mail.zoho.com", SourceKind::Mail, "Zoho Mail"),
    ("navigator.gmx.net", SourceKind::Mail, "GMX"),
    ("navigator.web.de", SourceKind::Mail, "WEB.DE"),
    ("e.mail.ru", SourceKind::Mail, "Mail.ru"),
    ("facebook.com", SourceKind::Social, "Facebook"),
    ("fb.me", SourceKind::Social, "Facebook"),
    ("messenger.com", SourceKind::Social, "Messenger"),
    ("instagram.com", SourceKind::Social, "Instagram"),
    ("threads.net", SourceKind::Social, "Threads"),
    ("threads.com", SourceKind::Social, "Threads"),
    ("twitter.com", SourceKind::Social, "X"),
    ("x.com", SourceKind::Social, "X"),
    ("t.co", SourceKind::Social, "X"),
    ("linkedin.com", SourceKind::Social, "LinkedIn"),
    ("lnkd.in", SourceKind::Social, "LinkedIn"),
    ("youtube.com", SourceKind::Social, "YouTube"),
    ("youtu.be", SourceKind::Social, "YouTube"),
    ("tiktok.com", SourceKind::Social, "TikTok"),
    ("reddit.com", SourceKind::Social, "Reddit"),
    ("snapchat.com", SourceKind::Social, "Snapchat"),
    ("whatsapp.com", SourceKind::Social, "WhatsApp"),
    ("wa.me", SourceKind::Social, "WhatsApp"),
    ("telegram.org", SourceKind::Social, "Telegram"),
    ("t.me", SourceKind::Social, "Telegram"),
    ("discord.com", SourceKind::Social, "Discord"),
    ("bsky.app", SourceKind::Social, "Bluesky"),
    ("mastodon.social", SourceKind::Social, "Mastodon"),
    ("vk.com", SourceKind::Social, "VK"),
    ("xing.com", SourceKind::Social, "XING"),
    ("quora.com", SourceKind::Social, "Quora"),
    ("nextdoor.com", SourceKind::Social, "Nextdoor"),
    ("nextdoor.co.uk", SourceKind::Social, "Nextdoor"),
    ("weibo.com", SourceKind::Social, "Weibo"),
    ("bing.com", SourceKind::Search, "Bing"),
    ("duckduckgo.com", SourceKind::Search, "DuckDuckGo"),
    ("search.yahoo.com", SourceKind::Search, "Yahoo"),
    ("search.yahoo.co.jp", SourceKind::Search, "Yahoo Japan"),
    ("ecosia.org", SourceKind::Search, "Ecosia"),
    ("search.brave.com", SourceKind::Search, "Brave"),
    ("startpage.com", SourceKind::Search, "Startpage"),
    ("qwant.com", SourceKind::Search, "Qwant"),
    ("baidu.com", SourceKind::Search, "Baidu"),
    ("ya.ru", SourceKind::Search, "Yandex"),
    ("search.naver.com", SourceKind::Search, "Naver"),
    ("search.seznam.cz", SourceKind::Search, "Seznam"),
    ("kagi.com", SourceKind::Search, "Kagi"),
    ("sogou.com", SourceKind::Search, "Sogou"),
    ("mojeek.com", SourceKind::Search, "Mojeek"),
    ("swisscows.com", SourceKind::Search, "Swisscows"),
    ("search.aol.com", SourceKind::Search, "AOL"),
    ("ask.com", SourceKind::Search, "Ask"),
];

const IN_EVERY_COUNTRY: &[Row] = &[
    ("google", SourceKind::Search, "Google"),
    ("yahoo", SourceKind::Search, "Yahoo"),
    ("yandex", SourceKind::Search, "Yandex"),
    ("pinterest", SourceKind::Social, "Pinterest"),
];
