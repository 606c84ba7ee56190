//! Phones that register (RFC 3261 §10): SIPp with a password, strangers without one, and calls to where a phone is.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, SystemTime};

use ringfence_model::{Disposition, Registration, TargetId, Timestamp};
use ringfence_telephony::{Origin, Phone, PhoneSecret, TelephonyConfig};
use ringfence_testing::sipp::Sipp;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::watch;

use crate::harness::{NUMBER, Policy, Server};
use crate::script::Script;

const PASSWORD: &str = "correct horse battery";

fn target() -> TargetId {
    TargetId::new(Timestamp::from_micros(0), 7)
}

/// A server with one phone, and what it has registered.
async fn server(
    policy: Policy,
    config: TelephonyConfig,
) -> (Server, watch::Receiver<Vec<Registration>>) {
    let server = Server::start_with(policy, config).await;
    server.phones.replace(vec![Phone {
        target: target(),
        user: "ann".into(),
        secret: PhoneSecret::new("ann", PASSWORD),
    }]);
    let mut changes = server.phones.changes().expect("it is the first to ask");
    let (kept, seen) = watch::channel(Vec::new());
    tokio::spawn(async move {
        while let Some(change) = changes.recv().await {
            kept.send_replace(change.registrations);
            let _ = change.done.send(());
        }
    });
    (server, seen)
}

/// For SIPp, which knows no SHA-256.
fn md5() -> TelephonyConfig {
    TelephonyConfig {
        phone_md5_only: true,
        ..TelephonyConfig::default()
    }
}

/// One REGISTER after the other; the first of each pair is challenged.
struct Registers {
    steps: String,
    sequence: u32,
}

impl Registers {
    fn new() -> Self {
        Self {
            steps: String::new(),
            sequence: 0,
        }
    }

    fn sends(mut self, user: &str, headers: &str) -> Self {
        self.sequence += 1;
        let sequence = self.sequence;
        let mut lines = String::new();
        for line in headers.lines().filter(|line| !line.is_empty()) {
            lines.push_str(line);
            lines.push('\n');
        }
        let step = format!(
            r#"<send retrans="500"><![CDATA[

REGISTER sip:[remote_ip]:[remote_port] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=z9hG4bK-[pid]-[call_number]-{sequence};rport
From: <sip:{user}@[remote_ip]>;tag=[pid]r[call_number]
To: <sip:{user}@[remote_ip]>
Call-ID: [call_id]
CSeq: {sequence} REGISTER
{lines}Max-Forwards: 70
User-Agent: SIPp
Content-Length: 0

]]></send>
"#
        );
        self.steps.push_str(&step);
        self
    }

    fn hears(mut self, code: u16, pattern: &str) -> Self {
        let auth = if code == 401 { r#" auth="true""# } else { "" };
        let check = if pattern.is_empty() {
            String::new()
        } else {
            let name = format!("found{}", self.steps.len());
            format!(
                r#"<action><ereg regexp="{pattern}" search_in="msg" check_it="true" assign_to="{name}"/></action><!--{name}-->"#
            )
        };
        let step = format!("<recv response=\"{code}\"{auth}>{check}</recv>\n");
        self.steps.push_str(&step);
        self
    }

    /// Asks, is challenged, and proves this password.
    fn proves(self, user: &str, password: &str, headers: &str) -> Self {
        let proof = format!("[authentication username={user} password=\"{password}\"]");
        self.sends(user, headers)
            .hears(401, "realm=.ringfence.")
            .sends(user, &format!("{headers}\n{proof}"))
    }

    /// Dials, and acknowledges the refusal.
    fn dials(mut self, number: &str, headers: &str, refused: u16) -> Self {
        self.sequence += 1;
        let sequence = self.sequence;
        let request = |method: &str, kind: &str, length: &str| {
            format!(
                r"{method} sip:{number}@[remote_ip]:[remote_port] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=z9hG4bK-[pid]-[call_number]-{sequence};rport
From: <sip:ann@[remote_ip]>;tag=[pid]r[call_number]
To: <sip:{number}@[remote_ip]>[peer_tag_param]
Call-ID: [call_id]
CSeq: {sequence} {method}
{kind}Max-Forwards: 70
Content-Length: {length}
"
            )
        };
        let kind = format!("{HERE}\nContent-Type: application/sdp\n{headers}");
        let invite = request("INVITE", &kind, "[len]").replace("[peer_tag_param]", "");
        let auth = if refused == 401 {
            r#" auth="true""#
        } else {
            ""
        };
        let step = format!(
            r#"<send retrans="500"><![CDATA[

{invite}
v=0
o=- 1 1 IN IP4 127.0.0.1
s=-
c=IN IP4 127.0.0.1
t=0 0
m=audio 9 RTP/AVP 0

]]></send>
<recv response="100" optional="true"></recv>
<recv response="{refused}"{auth}></recv>
<send><![CDATA[

{}
]]></send>
"#,
            request("ACK", "", "0")
        );
        self.steps.push_str(&step);
        self
    }

    fn sipp(self, server: &Server) -> Sipp {
        let names: Vec<&str> = self
            .steps
            .match_indices("<!--")
            .filter_map(|(at, _)| self.steps[at + 4..].split("-->").next())
            .collect();
        let reference = if names.is_empty() {
            String::new()
        } else {
            format!(r#"<Reference variables="{}"/>"#, names.join(","))
        };
        let scenario = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!DOCTYPE scenario SYSTEM \"sipp.dtd\">\n\
             <scenario name=\"registers\">\n{}{reference}\n</scenario>\n",
            self.steps
        );
        let file = tempfile::NamedTempFile::new().expect("a temporary file can be made");
        std::fs::write(file.path(), scenario).expect("it can be written");
        Sipp::new(file.path()).remote(server.address, NUMBER)
    }
}

/// A contact where NAT would have it: of another address than the one that it comes from.
const PRIVATE: &str = "Contact: <sip:ann@10.9.8.7:5060;line=x1>";
const HERE: &str = "Contact: <sip:ann@[local_ip]:[local_port]>";

#[tokio::test]
async fn a_phone_registers_asks_and_leaves() {
    let (server, kept) = server(Policy::default(), md5()).await;
    let phone = Registers::new()
        .proves("ann", PASSWORD, &format!("{HERE}\nExpires: 30"))
        .hears(423, "Min-Expires: 60")
        .proves("ann", PASSWORD, &format!("{HERE}\nExpires: 90"))
        .hears(200, "Contact: .sip:ann@127.*expires=90")
        .proves("ann", PASSWORD, "")
        .hears(200, "Contact: .sip:ann@127.*expires=[89]")
        .proves("ann", PASSWORD, "Contact: <sip:ann@")
        .hears(400, "")
        .proves("ann", PASSWORD, "Contact: *\nExpires: 0")
        .hears(200, "");
    phone.sipp(&server).run().await.expect("the phone's side");
    assert!(kept.borrow().is_empty());
    let now = Timestamp::from(SystemTime::now());
    assert_eq!(server.phones.reached(target(), now), Some(Vec::new()));
}

#[tokio::test]
async fn a_phone_behind_nat_is_called_where_its_messages_come_from_and_calls_nobody() {
    // Where SIPp is called is known only once it has registered: the policy rings what it is told here.
    let place = ringfence_testing::baresip::free_ports();
    let uri = format!("sip:ann@{place};line=x1");
    let policy = Policy {
        targets: vec![(uri.clone(), Duration::from_secs(20))],
        ..Policy::default()
    };
    let (mut server, kept) = server(policy, md5()).await;
    let registers = Registers::new()
        .proves("ann", PASSWORD, PRIVATE)
        .hears(200, "Contact: .sip:ann@10.9.8.7.*expires=110");
    let at = |sipp: Sipp| sipp.at(place.ip(), place.port());
    at(registers.sipp(&server))
        .run()
        .await
        .expect("the phone's side");
    let known = kept.borrow().first().cloned().expect("it is kept");
    assert_eq!(
        (known.address, known.agent.as_deref()),
        (place, Some("SIPp"))
    );
    let reached = server.phones.reached(target(), known.registered_at);
    let reached = reached.expect("it is a phone").remove(0);
    assert_eq!(reached.uri, uri);

    // Its answer names the private address again: the ACK and the BYE come all the same.
    let callee = Script::target(&[("To", "ann")])
        .answers_invite("200 OK", "", true)
        .gets("ACK")
        .gets_hung_up()
        .with_contact("<sip:ann@10.9.8.7:5060>;+sip.instance=\"<urn:x>\"");
    let callee = at(callee.sipp()).start().await;
    let caller = server
        .caller("caller_hangs_up")
        .set("talk", "50")
        .set("linger", "1");
    caller.run().await.expect("the caller's side");
    callee.finish().await.expect("the phone's side");
    assert_eq!(server.ended().await.ended(), (Disposition::Answered, None));

    // It is registered at the address of a trunk, and is none for that.
    let calls_out = Script::caller()
        .invites("")
        .hears_with(401, &[("WWW-Authenticate", "ringfence")])
        .acknowledges();
    let calls_out = at(calls_out.sipp().remote(server.address, NUMBER));
    calls_out.run().await.expect("the phone's side");
    assert_eq!(server.telephony.active_calls(), 0);
}

#[tokio::test]
async fn who_guesses_is_told_the_same_of_whomever_and_then_nothing() {
    let (server, kept) = server(Policy::default(), md5()).await;
    let stranger = |user: &str| {
        Registers::new()
            .proves(user, "guess", HERE)
            .hears(401, "realm=.ringfence.")
    };
    let from = |sipp: Sipp| sipp.at(Ipv4Addr::new(127, 0, 0, 5).into(), 0);
    for user in ["ann", "nobody"] {
        let guesses = from(stranger(user).sipp(&server)).calls(5).rate(5, 1);
        guesses.run().await.expect("the stranger's side");
    }
    let ignored = Registers::new().sends("ann", HERE).hears(401, "");
    let ignored = from(ignored.sipp(&server)).within(Duration::from_secs(2));
    ignored
        .run()
        .await
        .expect_err("it is not answered any more");
    assert!(kept.borrow().is_empty());
    // Elsewhere the right password still lets the phone in.
    let phone = Registers::new()
        .proves("ann", PASSWORD, HERE)
        .hears(200, "");
    phone.sipp(&server).run().await.expect("the phone's side");
    assert_eq!(kept.borrow().len(), 1);
}

#[tokio::test]
async fn a_phone_registers_nobody_else() {
    let (server, kept) = server(Policy::default(), md5()).await;
    let proof = format!("{HERE}\n[authentication username=ann password=\"{PASSWORD}\"]");
    let phone = Registers::new()
        .sends("bob", HERE)
        .hears(401, "")
        .sends("bob", &proof)
        .hears(403, "");
    phone.sipp(&server).run().await.expect("the phone's side");
    assert!(kept.borrow().is_empty());
}

#[tokio::test]
async fn what_cannot_be_kept_is_refused() {
    let server = Server::start_with(Policy::default(), md5()).await;
    server.phones.replace(vec![Phone {
        target: target(),
        user: "ann".into(),
        secret: PhoneSecret::new("ann", PASSWORD),
    }]);
    drop(server.phones.changes());
    let phone = Registers::new()
        .proves("ann", PASSWORD, HERE)
        .hears(503, "Retry-After");
    phone.sipp(&server).run().await.expect("the phone's side");
}

#[tokio::test]
async fn a_phones_stream_is_used_for_its_calls_and_a_strangers_is_taken_only_to_register() {
    let (server, kept) = server(Policy::default(), md5()).await;
    let address = server.telephony.tcp_address().expect("it listens on TCP");
    let phone = Registers::new()
        .proves("ann", PASSWORD, PRIVATE)
        .hears(200, "expires=240");
    let phone = phone
        .sipp(&server)
        .at(Ipv4Addr::new(127, 0, 0, 6).into(), 0);
    let phone = phone.remote(address, NUMBER).tcp();
    phone.run().await.expect("the phone's side");
    let known = kept.borrow().first().cloned().expect("it is kept");
    let reached = server.phones.reached(target(), known.registered_at);
    let uri = reached
        .expect("it is a phone")
        .remove(0)
        .uri
        .to_ascii_lowercase();
    assert_eq!(
        uri,
        format!("sip:ann@{};line=x1;transport=tcp", known.address)
    );

    let socket = tokio::net::TcpSocket::new_v4().expect("a socket");
    let own: SocketAddr = "127.0.0.7:0".parse().expect("an address");
    socket.bind(own).expect("loopback has it");
    let mut stream = socket.connect(address).await.expect("it is accepted");
    let options = "OPTIONS sip:127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/TCP 127.0.0.7;branch=z9hG4bK1\r\n\
        From: <sip:a@127.0.0.7>;tag=1\r\nTo: <sip:127.0.0.1>\r\nCall-ID: o\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n";
    let register = options
        .replace("OPTIONS", "REGISTER")
        .replace("z9hG4bK1", "z9hG4bK2");
    stream
        .write_all((options.to_owned() + &register).as_bytes())
        .await
        .expect("it can be sent");
    let mut answer = vec![0; 4096];
    let length = tokio::time::timeout(Duration::from_secs(10), stream.read(&mut answer)).await;
    let length = length.expect("an answer in time").expect("it is open");
    let answer = String::from_utf8_lossy(&answer[..length]);
    assert!(
        answer.starts_with("SIP/2.0 401") && answer.contains("CSeq: 1 REGISTER"),
        "{answer}"
    );
    assert_eq!(answer.matches("SIP/2.0 ").count(), 1, "{answer}");
}

/// How the phone of these tests proves itself.
fn proof(password: &str) -> String {
    format!("[authentication username=ann password=\"{password}\"]\n")
}

#[tokio::test]
async fn a_phone_that_proves_its_password_dials_in_its_own_name_and_nobody_is_rung() {
    let policy = Policy {
        targets: Vec::new(),
        ..Policy::default()
    };
    let (mut server, _kept) = server(policy, md5()).await;
    let phone = Registers::new()
        .proves("ann", PASSWORD, HERE)
        .hears(200, "")
        .dials("*45", "", 401)
        .dials("*45", &proof(PASSWORD), 480);
    phone.sipp(&server).run().await.expect("the phone's side");
    let log = server.ended().await;
    assert_eq!(log.facts.origin, Origin::Phone(target()));
    assert_eq!(
        (log.facts.dialled.as_str(), log.facts.caller.as_deref()),
        ("*45", Some("ann"))
    );
}

#[tokio::test]
async fn who_guesses_by_dialling_is_asked_again_and_counted_with_those_who_register() {
    let (server, _kept) = server(Policy::default(), md5()).await;
    let mut phone = Registers::new()
        .proves("ann", PASSWORD, HERE)
        .hears(200, "");
    for guess in ["one", "two"] {
        phone = phone.dials("*45", "", 401).dials("*45", &proof(guess), 401);
    }
    phone.sipp(&server).run().await.expect("the phone's side");
    assert_eq!(server.telephony.active_calls(), 0);

    // Whoever is not registered there hears nothing at all.
    let stranger = Registers::new().dials("*45", "", 401).sipp(&server);
    let stranger = stranger.at(Ipv4Addr::new(127, 0, 0, 8).into(), 0);
    let stranger = stranger.within(Duration::from_secs(2));
    stranger.run().await.expect_err("it is not answered");
}
