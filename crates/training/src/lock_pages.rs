//! Inert imitations of lock pages: every behaviour and every disguise that is known, in nine languages.
//!
//! They are ours, made for tests. Each script stands in a function that nobody calls, the numbers are fictitious, no
//! brand's artwork is used: opened in a browser they do nothing.

use crate::Specimen;
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use ringfence_fence::look::LinkedKind;
use std::fmt::Write;

/// What a lock page says, in one language.
#[derive(Debug, Clone, Copy)]
struct Words {
    lang: &'static str,
    title: &'static str,
    threat: &'static str,
    call: &'static str,
    hold: &'static str,
    scan: &'static str,
}

/// What lock pages say in languages that the detector's lexicon does not have.
pub(crate) const UNKNOWN: &str = include_str!("../pages/unknown_texts.tsv");

fn languages(texts: &'static str) -> impl Iterator<Item = Words> {
    texts.lines().filter_map(|line| {
        let mut fields = line.split('\t');
        let mut next = || fields.next();
        Some(Words {
            lang: next()?,
            title: next()?,
            threat: next()?,
            call: next()?,
            hold: next()?,
            scan: next()?,
        })
    })
}

const PHONE: &str = "+1 (888) 555-0123";

const FULL: &str = "var el=document.documentElement,rfs=el.requestFullscreen||el.webkitRequestFullScreen||el.mozRequestFullScreen||el.msRequestFullscreen;rfs.call(el);";
const FULL_COMPUTED: &str = "var d=document['document'+'Element'];d['request'+'Fullscreen']();";
const FULL_BODY: &str = "document.body.requestFullscreen();";
const GESTURE: &str =
    "document.addEventListener('click',function(){go()});document.onmousemove=go;";
const GESTURE_JQUERY: &str =
    "$('body').on('mouseover',function(){go()});$(document).on('click',go);";
const KEYBOARD: &str = "navigator.keyboard.lock();document.onkeydown=function(e){return false};";
const POINTER: &str = "document.body.requestPointerLock();";
const CURSOR: &str = "document.body.style.cursor='none';";
const LEAVE: &str = "window.addEventListener('beforeunload',function(e){var m='stay';(e||window.event).returnValue=m;return m});";
const LEAVE_OLD: &str = "window.onbeforeunload=function(){return 'Are you sure?'};";
const KEYS: &str = "document.addEventListener('keydown',function(e){if(e.keyCode==27||e.keyCode==122||e.keyCode==123||e.keyCode==17||e.keyCode==18){e.preventDefault();return false}});";
const KEYS_NAMED: &str = "document.addEventListener('keydown',e=>{if(['Escape','F11','F12','Control','Alt'].includes(e.key))e.preventDefault()});";
const MENU: &str = "document.addEventListener('contextmenu',function(e){e.preventDefault()});";
const HISTORY: &str = "for(var i=0;i<3;i++){history.pushState({},'','#'+i)}window.onpopstate=function(){history.forward()};";
const DIALOGS: &str = "while(again()){alert(document.title)}";
const WINDOWS: &str = "setInterval(function(){window.open(location.href)},9e9);";
const PRINTS: &str = "while(again()){window.print()}";
const AUDIO: &str = "var a=new Audio('alert.mp3');a.loop=true;a.play();";
const AUDIO_MADE: &str = "var s=document.createElement('audio');s.setAttribute('src','beep.mp3');s.addEventListener('ended',function(){this.play()});s.play();";
const SPEECH: &str = "speechSynthesis.speak(new SpeechSynthesisUtterance(document.title));";
const DEBUGGER: &str = "setInterval(function(){debugger},9e9);";
const QUERY: &str = "function v(name){var r=new RegExp('[\\\\?&]'+name+'=([^&#]*)').exec(window.location.href);return r==null?'':r[1]}document.getElementById('num').innerHTML=v('phone');";
const QUERY_NEW: &str =
    "document.getElementById('num').textContent=new URLSearchParams(location.search).get('ph0ne');";
const SERVER: &str = "fetch('number.php').then(function(r){return r.text()}).then(function(n){document.getElementById('phone_number').innerHTML=n});";
const LOOKUP: &str = "$.getJSON('https://ipapi.co/json/',function(d){document.getElementById('ip').innerHTML=d.ip+' '+d.city});";
const AGENT: &str =
    "if(navigator.userAgent.indexOf('Windows')<0){location.href='https://www.example.com/'}";

/// The usual locks.
const USUAL: &[&str] = &[FULL, GESTURE, LEAVE, KEYS, MENU, CURSOR, AUDIO];

fn inert(parts: &[&str]) -> String {
    format!(
        "function never(){{function go(){{}}function again(){{return false}}{}}}",
        parts.concat()
    )
}

/// A page with these scripts.
fn page(words: Words, head: &str, body: &str, parts: &[&str]) -> String {
    let Words {
        lang,
        title,
        threat,
        call,
        hold,
        scan,
    } = words;
    format!(
        "<!DOCTYPE html><html lang={lang}><head><meta charset=utf-8><title>{title}</title>{head}</head><body>\
         <div class=window><h1>{title}</h1><p>{threat}</p><p>{hold}</p><p>{call} <b id=num>{PHONE}</b></p><p>{scan}</p>{body}</div>\
         <script>{}</script></body></html>",
        inert(parts)
    )
}

/// A page that says little, as its words are elsewhere.
fn silent(words: Words, head: &str, body: &str, parts: &[&str]) -> String {
    format!(
        "<!DOCTYPE html><html lang={}><head><meta charset=utf-8><title>{}</title>{head}</head><body>{body}<script>{}</script></body></html>",
        words.lang,
        words.title,
        inert(parts)
    )
}

/// All of them.
pub fn specimens() -> Vec<Specimen> {
    specimens_of(include_str!("../pages/lock_texts.tsv"))
}

/// The same behaviours and disguises in languages that the lexicon does not have: what is caught is caught by its locks.
pub fn unknown_languages() -> Vec<Specimen> {
    specimens_of(UNKNOWN)
}

fn specimens_of(texts: &'static str) -> Vec<Specimen> {
    let mut all = Vec::new();
    for words in languages(texts) {
        behaviours(words, &mut all);
        disguises(words, &mut all);
        hidden(words, &mut all);
        shells(words, &mut all);
    }
    all
}

fn add(all: &mut Vec<Specimen>, kind: &str, name: &str, words: Words, html: impl Into<Vec<u8>>) {
    all.push(Specimen::scam(kind, name, words.lang, html.into()));
}

#[expect(
    clippy::too_many_lines,
    reason = "a list of cases, one after the other"
)]
fn behaviours(words: Words, all: &mut Vec<Specimen>) {
    let sound = "<audio src=alarm.mp3 autoplay loop></audio>";
    let cases: &[(&str, &str, &[&str])] = &[
        ("usual locks", "", USUAL),
        (
            "computed names",
            "",
            &[FULL_COMPUTED, GESTURE, LEAVE, KEYS, AUDIO],
        ),
        (
            "body in full screen, named keys",
            sound,
            &[FULL_BODY, GESTURE, KEYS_NAMED, LEAVE_OLD],
        ),
        ("keyboard lock", sound, &[FULL, KEYBOARD, LEAVE]),
        (
            "keyboard lock without asking on leaving",
            sound,
            &[FULL, GESTURE, KEYBOARD],
        ),
        ("pointer lock", sound, &[FULL, POINTER, LEAVE, KEYS]),
        (
            "jQuery handlers",
            "",
            &[FULL, GESTURE_JQUERY, LEAVE, KEYS, AUDIO_MADE],
        ),
        ("history flood", sound, &[FULL, HISTORY, LEAVE]),
        (
            "dialogs again and again",
            sound,
            &[DIALOGS, LEAVE_OLD, KEYS],
        ),
        (
            "dialogs without full screen",
            "",
            &[DIALOGS, AUDIO, LEAVE_OLD],
        ),
        ("windows again and again", sound, &[WINDOWS, FULL, LEAVE]),
        ("prints again and again", sound, &[PRINTS, LEAVE, MENU]),
        ("speech", "", &[FULL, SPEECH, LEAVE, KEYS]),
        ("debugger trap", sound, &[FULL, DEBUGGER, LEAVE, KEYS]),
        (
            "number from the address",
            sound,
            &[FULL, LEAVE, KEYS, QUERY],
        ),
        (
            "number from the address, few locks",
            sound,
            &[FULL, QUERY_NEW],
        ),
        ("number from a server", sound, &[FULL, LEAVE, KEYS, SERVER]),
        (
            "address of the visitor shown",
            sound,
            &[FULL, LEAVE, KEYS, LOOKUP],
        ),
        (
            "other browsers sent away",
            sound,
            &[FULL, LEAVE, KEYS, AGENT],
        ),
        ("three locks", "", &[FULL, LEAVE, KEYS]),
        ("full screen, sound and question", sound, &[FULL, LEAVE]),
    ];
    for &(name, body, parts) in cases {
        add(all, "behaviour", name, words, page(words, "", body, parts));
    }
    let style = "<style>html,body,*{cursor:none!important}</style>";
    add(
        all,
        "behaviour",
        "cursor hidden by style",
        words,
        page(words, style, sound, &[FULL, LEAVE, KEYS]),
    );
    let attributes = "<body onbeforeunload=\"return false\" oncontextmenu=\"return false\" onkeydown=\"return false\" onclick=\"never()\">";
    let html = page(words, "", "<audio autoplay src=a.mp3></audio>", &[FULL])
        .replace("<body>", attributes);
    add(all, "behaviour", "locks in attributes", words, html);
    let chat =
        "<meta name=robots content=noindex><script src=https://embed.tawk.to/x/default></script>";
    add(
        all,
        "behaviour",
        "chat and noindex",
        words,
        page(words, chat, sound, &[FULL, LEAVE, KEYS]),
    );
    let mut shared = Specimen::scam(
        "behaviour",
        "shared host",
        words.lang,
        page(words, "", sound, &[FULL, LEAVE, KEYS]).into(),
    );
    shared.url = Some("https://alert-0x80.z13.web.core.windows.net/index.html?phone=x".into());
    all.push(shared);
    let scanner = "<progress id=p max=100></progress><audio src=b.mp3 autoplay></audio><p>Microsoft Windows Defender</p>";
    add(
        all,
        "scanner",
        "scanner that asks on leaving",
        words,
        page(
            words,
            "",
            scanner,
            &[
                LEAVE_OLD,
                "setInterval(function(){document.getElementById('p').value++},9e9);",
            ],
        ),
    );
    add(
        all,
        "scanner",
        "scanner in full screen",
        words,
        page(words, "", scanner, &[FULL, GESTURE]),
    );
}

#[expect(
    clippy::too_many_lines,
    reason = "a list of cases, one after the other"
)]
fn disguises(words: Words, all: &mut Vec<Specimen>) {
    let plain = page(
        words,
        "",
        "<audio src=a.mp3 autoplay></audio>",
        &[FULL, LEAVE, KEYS],
    );
    let leet = plain
        .replace("Trojan", "Tr0jan")
        .replace("technical", "techn1cal")
        .replace("support", "supp0rt")
        .replace("security", "secur1ty")
        .replace("computer", "c0mputer");
    add(all, "disguise", "digits for letters", words, leet);
    let alike = plain
        .replace("Trojan", "Тrojаn")
        .replace("support", "suррort")
        .replace("computer", "соmputer");
    add(all, "disguise", "look-alike letters", words, alike);
    let invisible = plain
        .replace("virus", "vi\u{200b}rus")
        .replace("blocked", "blo\u{ad}cked")
        .replace("support", "sup\u{200b}port");
    add(all, "disguise", "invisible characters", words, invisible);
    let decoy = plain.replacen(words.title, "Holiday photos from Norway", 1);
    add(all, "disguise", "decoy title", words, decoy);
    let torn = plain
        .replace("<p>", "<P><B><I><P>")
        .replace("</p>", "</b>")
        .replace("</div>", "")
        .replace("<script>", "<SCRIPT type='text/javascript'>");
    add(all, "disguise", "torn markup", words, torn);
    add(
        all,
        "disguise",
        "names as escapes",
        words,
        plain
            .replace("requestFullscreen", "\\u0072equestFullscreen")
            .replace("beforeunload", "\\x62eforeunload"),
    );
    let images = "<img src=1.png style=\"width:100%\" usemap=#m><img src=2.png><map name=m></map>";
    add(
        all,
        "images",
        "text in pictures",
        words,
        silent(words, "", images, USUAL),
    );
    add(
        all,
        "images",
        "text in pictures, keyboard lock",
        words,
        silent(
            words,
            "",
            images,
            &[FULL, GESTURE, KEYBOARD, LEAVE, MENU, CURSOR, AUDIO],
        ),
    );
    let background = "<style>body{background:url(bg.png);cursor:none}</style>";
    add(
        all,
        "images",
        "text in the background",
        words,
        silent(
            words,
            background,
            "<img src=1.png width=100%>",
            &[FULL, GESTURE, LEAVE, KEYS, MENU, AUDIO],
        ),
    );
    let mut split = Specimen::scam("split", "locks in own files", words.lang, page(words, "<script src=lock.js></script><script src=sound.js></script><link rel=stylesheet href=style.css>", "", &[]).into());
    split.link(
        "lock.js",
        LinkedKind::Script,
        &inert(&[FULL, LEAVE, KEYS, MENU]),
    );
    split.link("sound.js", LinkedKind::Script, &inert(&[AUDIO]));
    split.link("style.css", LinkedKind::Style, "body{cursor:none}");
    all.push(split);
    let mut split = Specimen::scam(
        "split",
        "words and locks in own files",
        words.lang,
        silent(
            words,
            "<script src=all.js></script>",
            "<div id=root></div>",
            &[],
        )
        .into(),
    );
    let texts = format!(
        "var t={{a:\"{}\",b:\"{}\",c:\"{}\",d:\"{}\"}};document.getElementById('root').innerHTML=t.a+t.b+t.c;",
        words.threat, words.call, words.hold, words.scan
    );
    split.link(
        "all.js",
        LinkedKind::Script,
        &inert(&[FULL, LEAVE, KEYS, MENU, AUDIO, &texts]),
    );
    all.push(split);
    let written = format!(
        "document.body.innerHTML='<h1>{}</h1><p>{}</p><p>{}</p>';",
        words.threat.replace('\'', "’"),
        words.call.replace('\'', "’"),
        words.hold.replace('\'', "’")
    );
    add(
        all,
        "split",
        "words written by a script",
        words,
        silent(
            words,
            "",
            "<div></div>",
            &[FULL, LEAVE, KEYS, AUDIO, &written],
        ),
    );
    let php = plain.replace(PHONE, "<?php echo $_GET['phone']; ?>");
    add(
        all,
        "split",
        "number put in by the server's program",
        words,
        php,
    );
    let encodings: &[(&str, &'static encoding_rs::Encoding)] =
        &[("utf-16le", encoding_rs::UTF_16LE)];
    for (name, _) in encodings {
        let octets: Vec<u8> = format!("\u{feff}{plain}")
            .encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect();
        add(all, "disguise", name, words, octets);
    }
    let label = match words.lang {
        "ja" => "shift_jis",
        _ => "windows-1252",
    };
    let encoding = encoding_rs::Encoding::for_label(label.as_bytes()).unwrap_or(encoding_rs::UTF_8);
    let octets = encoding
        .encode(&plain.replace("charset=utf-8", &format!("charset={label}")))
        .0
        .into_owned();
    add(all, "disguise", "old charset", words, octets);
}

fn escaped(text: &str, each: impl Fn(u16) -> String) -> String {
    text.encode_utf16().map(each).collect::<Vec<_>>().concat()
}

#[expect(
    clippy::too_many_lines,
    reason = "a list of cases, one after the other"
)]
fn hidden(words: Words, all: &mut Vec<Specimen>) {
    let inside = page(
        words,
        "",
        "<audio src=a.mp3 autoplay></audio>",
        &[FULL, LEAVE, KEYS],
    );
    let loader = |script: &str| {
        format!(
            "<html><head><meta charset=utf-8></head><body><script>function never(){{{script}}}</script></body></html>"
        )
    };
    let base64 = BASE64.encode(&inside);
    add(
        all,
        "hidden",
        "base64",
        words,
        loader(&format!("document.write(atob(\"{base64}\"));")),
    );
    add(
        all,
        "hidden",
        "base64 and decodeURIComponent",
        words,
        loader(&format!(
            "var p='{base64}';document.open();document.write(decodeURIComponent(escape(window.atob(p))));document.close();"
        )),
    );
    let parts: Vec<String> = base64
        .as_bytes()
        .chunks(76)
        .map(|part| format!("'{}'", String::from_utf8_lossy(part)))
        .collect();
    add(
        all,
        "hidden",
        "base64 in many parts",
        words,
        loader(&format!("document.write(atob({}));", parts.join("+"))),
    );
    add(
        all,
        "hidden",
        "base64 twice",
        words,
        loader(&format!(
            "document.write(atob(\"{}\"));",
            BASE64.encode(loader(&format!("document.write(atob(\"{base64}\"));")))
        )),
    );
    let mut percent = String::new();
    for octet in inside.bytes() {
        let _ = write!(percent, "%{octet:02X}");
    }
    add(
        all,
        "hidden",
        "percent escapes",
        words,
        loader(&format!("document.write(unescape('{percent}'));")),
    );
    let hex: String = percent.replace('%', "");
    add(
        all,
        "hidden",
        "hexadecimal",
        words,
        loader(&format!(
            "var h='{hex}',s='';for(var i=0;i<h.length;i+=2)s+='%'+h.substr(i,2);document.write(decodeURIComponent(s));"
        )),
    );
    let codes: Vec<String> = inside.encode_utf16().map(|code| code.to_string()).collect();
    add(
        all,
        "hidden",
        "character codes",
        words,
        loader(&format!(
            "document.write(String.fromCharCode({}));",
            codes.join(",")
        )),
    );
    add(
        all,
        "hidden",
        "list of codes",
        words,
        loader(&format!(
            "var c=[{}],s='';for(var i in c)s+=String.fromCharCode(c[i]);document.write(s);",
            codes.join(", ")
        )),
    );
    add(
        all,
        "hidden",
        "escapes in a string",
        words,
        loader(&format!(
            "document.write(\"{}\");",
            escaped(&inside, |code| if code < 256 {
                format!("\\x{code:02x}")
            } else {
                format!("\\u{code:04x}")
            })
        )),
    );
    let reversed: String = inside.chars().rev().collect();
    add(
        all,
        "hidden",
        "reversed",
        words,
        loader(&format!(
            "document.write('{}'.split('').reverse().join(''));",
            reversed.replace('\\', "\\\\").replace('\'', "\\'")
        )),
    );
    add(
        all,
        "hidden",
        "data address of a refresh",
        words,
        format!(
            "<meta http-equiv=refresh content=\"0;url=data:text/html;charset=utf-8;base64,{base64}\">"
        ),
    );
    add(
        all,
        "hidden",
        "data address of a frame",
        words,
        format!(
            "<body style=margin:0><iframe style=\"position:fixed;inset:0;width:100%;height:100%\" src=\"data:text/html;base64,{base64}\"></iframe>"
        ),
    );
    add(
        all,
        "hidden",
        "data address in a script",
        words,
        loader(&format!("location.href='data:text/html,{percent}';")),
    );
    add(
        all,
        "hidden",
        "srcdoc",
        words,
        format!(
            "<iframe width=100% height=100% srcdoc=\"{}\"></iframe>",
            inside.replace('&', "&amp;").replace('"', "&quot;")
        ),
    );
    add(
        all,
        "hidden",
        "markup in a template",
        words,
        format!(
            "<template id=t>{inside}</template><script>function never(){{document.body.append(document.getElementById('t').content)}}</script>"
        ),
    );
    let packed = packed(&inert(&[FULL, LEAVE, KEYS, MENU, AUDIO]));
    add(
        all,
        "hidden",
        "packed locks",
        words,
        page(words, "", "", &[]).replace(
            "</body>",
            &format!("<script>function never2(){{{packed}}}</script></body>"),
        ),
    );
    let table = "var _0x1a=['requestFullscreen','documentElement','addEventListener','beforeunload','keydown','preventDefault','contextmenu','keyCode'];var _0x2b=function(i){return _0x1a[i]};document[_0x2b(1)][_0x2b(0)]();window[_0x2b(2)](_0x2b(3),function(e){e[_0x2b(5)]();e.returnValue=''});document[_0x2b(2)](_0x2b(6),function(e){e[_0x2b(5)]()});document.onkeydown=function(e){if(e[_0x2b(7)]==0x7b||e[_0x2b(7)]===27)return![]};";
    add(
        all,
        "hidden",
        "names in a table",
        words,
        page(words, "", "<audio autoplay src=a.mp3></audio>", &[table]),
    );
}

/// As Dean Edwards's packer writes it, words in the order of their first use.
fn packed(script: &str) -> String {
    let mut words: Vec<String> = Vec::new();
    let mut payload = String::new();
    let mut word = String::new();
    for character in script.chars().chain([' ']) {
        if character.is_ascii_alphanumeric() || character == '_' {
            word.push(character);
            continue;
        }
        if !word.is_empty() {
            let at = words
                .iter()
                .position(|known| *known == word)
                .unwrap_or_else(|| {
                    words.push(word.clone());
                    words.len() - 1
                });
            payload.push_str(&number(at));
            word.clear();
        }
        payload.push(character);
    }
    format!(
        "eval(function(p,a,c,k,e,d){{e=function(c){{return c}};while(c--)if(k[c])p=p.replace(c,k[c]);return p}}('{}',62,{},'{}'.split('|'),0,{{}}))",
        payload
            .trim_end()
            .replace('\\', "\\\\")
            .replace('\'', "\\'"),
        words.len(),
        words.join("|")
    )
}

fn number(mut value: usize) -> String {
    const DIGITS: &[u8] = b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    let mut digits = Vec::new();
    loop {
        digits.push(DIGITS[value % 62]);
        value /= 62;
        if value == 0 {
            break;
        }
    }
    digits.reverse();
    String::from_utf8_lossy(&digits).into_owned()
}

fn shells(words: Words, all: &mut Vec<Specimen>) {
    let frame = "<iframe src=inner.html style=\"position:fixed;top:0;left:0;width:100%;height:100%;border:0\"></iframe>";
    let shell = |parts: &[&str]| silent(words, "", frame, parts);
    add(
        all,
        "shell",
        "frame and full screen, frame not at hand",
        words,
        shell(&[FULL, GESTURE, LEAVE]),
    );
    add(
        all,
        "shell",
        "frame, full screen and keys, frame not at hand",
        words,
        shell(&[FULL, GESTURE, KEYS, AUDIO]),
    );
    let mut whole = Specimen::scam(
        "shell",
        "frame at hand",
        words.lang,
        shell(&[FULL, GESTURE]).into(),
    );
    whole.link(
        "inner.html",
        LinkedKind::Frame,
        &page(
            words,
            "",
            "<audio src=a.mp3 autoplay></audio>",
            &[LEAVE, KEYS],
        ),
    );
    all.push(whole);
    let mut plain = Specimen::scam(
        "shell",
        "plain frame around a lock page",
        words.lang,
        silent(words, "", frame, &[]).into(),
    );
    plain.link(
        "inner.html",
        LinkedKind::Frame,
        &page(
            words,
            "",
            "<audio src=a.mp3 autoplay></audio>",
            &[FULL, LEAVE, KEYS],
        ),
    );
    all.push(plain);
}
