//! Scenarios for SIPp, told step by step in the test that they belong to.

use std::fmt::Write as _;

use ringfence_testing::sipp::Sipp;

const SDP: &str = "v=0
o=sipp 1 1 IN IP[local_ip_type] [local_ip]
s=-
c=IN IP[media_ip_type] [media_ip]
t=0 0
m=audio [media_port] RTP/AVP 8 0 101
a=rtpmap:0 PCMU/8000
a=rtpmap:8 PCMA/8000
a=rtpmap:101 telephone-event/8000
a=sendrecv";

const OURS: &str =
    "\"A Caller\" <sip:+441632960001@[local_ip]:[local_port]>;tag=[pid]caller[call_number]";

/// What one side of a call does, in order.
#[derive(Clone)]
pub struct Script {
    steps: String,
    variables: Vec<String>,
    calls: bool,
    sequence: u32,
    /// The last response heard refuses: its ACK belongs to the INVITE's own transaction (RFC 3261 §17.1.1.3).
    refused: bool,
    /// What the next message is searched for, to be sent back.
    keep: String,
}

impl Script {
    /// A caller; it begins with [`Script::invites`].
    pub fn caller() -> Self {
        Self {
            steps: String::new(),
            variables: Vec::new(),
            calls: true,
            sequence: 0,
            refused: false,
            keep: String::new(),
        }
    }

    /// A registrar; it begins with its first `REGISTER`.
    pub fn registrar() -> Self {
        Self {
            calls: false,
            ..Self::caller()
        }
    }

    /// A target that has got the INVITE, in which each `(header, pattern)` was found.
    pub fn target(found: &[(&str, &str)]) -> Self {
        Self::target_that_keeps(&[], found)
    }

    /// The same, and each `(header, name)` of the INVITE is kept as `[$name]`.
    pub fn target_that_keeps(kept: &[(&str, &str)], found: &[(&str, &str)]) -> Self {
        let mut script = Self {
            calls: false,
            ..Self::caller()
        };
        for (header, name) in kept {
            script = script.keeps(header, name);
        }
        let own = ["via", "from", "to", "id", "cseq", "whole", "contact"].map(ToOwned::to_owned);
        script.variables.extend(own);
        let mut actions = String::new();
        for (name, header) in [
            ("via", "Via:"),
            ("from", "From:"),
            ("to", "To:"),
            ("id", "Call-ID:"),
            ("cseq", "CSeq:"),
        ] {
            let _ = writeln!(
                actions,
                r#"<ereg regexp=".*" search_in="hdr" header="{header}" check_it="true" assign_to="{name}"/>"#
            );
        }
        actions.push_str(
            r#"<ereg regexp="[^&lt;]*&lt;([^&gt;]*)&gt;" search_in="hdr" header="Contact:" check_it="true" assign_to="whole,contact"/>"#,
        );
        script.variables.push("server".to_owned());
        actions.push_str(
            r#"<ereg regexp="127[^;&gt;]*" search_in="hdr" header="Contact:" check_it="true" assign_to="server"/>"#,
        );
        let checks = script.checks(found);
        let _ = writeln!(
            script.steps,
            r#"<recv request="INVITE"><action>{actions}{checks}</action></recv>"#
        );
        script
    }

    /// Sends the INVITE, again after a refusal too.
    pub fn invites(self, headers: &str) -> Self {
        let mut script = self.sends("INVITE", headers, Some(("application/sdp", SDP)));
        // A new dialog: no tag of the other side's yet.
        let start = script.steps.rfind("INVITE sip:").unwrap_or_default();
        let invite = script.steps.split_off(start);
        script
            .steps
            .push_str(&invite.replace("[peer_tag_param]", ""));
        script
    }

    /// Sends a request: in the dialog, once there is one.
    pub fn sends(mut self, method: &str, headers: &str, body: Option<(&str, &str)>) -> Self {
        if method != "ACK" && method != "CANCEL" {
            self.sequence += 1;
        }
        let sequence = self.sequence;
        let (uri, from, to, id) = if self.calls {
            let to = "<sip:[service]@[remote_ip]:[remote_port]>[peer_tag_param]";
            (
                "sip:[service]@[remote_ip]:[remote_port]",
                OURS,
                to,
                "Call-ID: [call_id]",
            )
        } else {
            (
                "[$contact]",
                "[$to];tag=[pid]target[call_number]",
                "[$from]",
                "Call-ID:[$id]",
            )
        };
        let retransmits = if method == "ACK" {
            ""
        } else {
            r#" retrans="500""#
        };
        let transaction = match method {
            "CANCEL" => "INVITE",
            "ACK" if self.refused => "INVITE",
            other => other,
        };
        let branch = format!("z9hG4bK-[pid]-[call_number]-{sequence}-{transaction}");
        let head = format!(
            "{method} {uri} SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch={branch}
From: {from}
To: {to}
{id}
CSeq: {sequence} {method}
Contact: <sip:peer@[local_ip]:[local_port];transport=[transport]>
Max-Forwards: 70
{headers}"
        );
        self.message(retransmits, &head, body);
        self
    }

    pub fn acknowledges(self) -> Self {
        self.sends("ACK", "", None)
    }

    /// Acknowledges the INVITE of this number.
    pub fn acknowledges_invite(mut self, sequence: u32) -> Self {
        let last = std::mem::replace(&mut self.sequence, sequence);
        let mut script = self.sends("ACK", "", None);
        script.sequence = last;
        script
    }

    /// Gives its INVITE up.
    pub fn cancels(self, headers: &str) -> Self {
        let mut script = self.sends("CANCEL", headers, None);
        // The INVITE's own To (RFC 3261 §9.1).
        let start = script.steps.rfind("CANCEL sip:").unwrap_or_default();
        let cancel = script.steps.split_off(start);
        let cancel = cancel.replace("[peer_tag_param]", "");
        script.steps.push_str(&cancel);
        script
    }

    /// Keeps what a header of the message that comes next says, as `[$name]`.
    pub fn keeps(mut self, header: &str, name: &str) -> Self {
        let _ = writeln!(
            self.keep,
            r#"<ereg regexp=".*" search_in="hdr" header="{header}:" check_it="true" assign_to="{name}"/>"#
        );
        self.variables.push(name.to_owned());
        self
    }

    /// A target calls the server as if it were another caller.
    pub fn calls_back(mut self, method: &str, number: &str, headers: &str) -> Self {
        let to_tag = if method == "ACK" {
            "[peer_tag_param]"
        } else {
            ""
        };
        let retransmits = if method == "ACK" {
            ""
        } else {
            r#" retrans="500""#
        };
        let head = format!(
            "{method} sip:{number}@[$server] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
From: <sip:+441632960002@[local_ip]:[local_port]>;tag=back
To: <sip:{number}@[$server]>{to_tag}
Call-ID:[$id]
CSeq: 7 {method}
Contact: <sip:peer@[local_ip]:[local_port];transport=[transport]>
Max-Forwards: 70
{headers}"
        );
        let body = (method == "INVITE").then_some(("application/sdp", SDP));
        self.message(retransmits, &head, body);
        self
    }

    /// Sends a request that puts the other side on hold (RFC 3264 §8.4).
    pub fn holds(self, method: &str) -> Self {
        let held = SDP
            .replace("sendrecv", "sendonly")
            .replace("1 1 IN", "1 2 IN");
        self.sends(method, "", Some(("application/sdp", &held)))
    }

    /// Keeps what an answer to the request that comes next needs, for [`Script::answers_kept`].
    pub fn keeps_request(self) -> Self {
        self.keeps("Via", "kept_via")
            .keeps("From", "kept_from")
            .keeps("To", "kept_to")
            .keeps("Call-ID", "kept_id")
            .keeps("CSeq", "kept_cseq")
    }

    /// Answers the request that was kept.
    pub fn answers_kept(mut self, status: &str) -> Self {
        let head = format!(
            "SIP/2.0 {status}
Via:[$kept_via]
From:[$kept_from]
To:[$kept_to]
Call-ID:[$kept_id]
CSeq:[$kept_cseq]
Contact: <sip:peer@[local_ip]:[local_port];transport=[transport]>"
        );
        let sdp = SDP.replace("sendrecv", "recvonly");
        self.message("", &head, Some(("application/sdp", sdp.as_str())));
        self
    }

    /// Answers the first INVITE (a target only): `180 Ringing`.
    pub fn answers_invite(mut self, status: &str, headers: &str, sdp: bool) -> Self {
        let retransmits = if status.starts_with('1') {
            ""
        } else {
            r#" retrans="500""#
        };
        let head = format!(
            "SIP/2.0 {status}
Via:[$via]
From:[$from]
To:[$to];tag=[pid]target[call_number]
Call-ID:[$id]
CSeq:[$cseq]
Contact: <sip:peer@[local_ip]:[local_port];transport=[transport]>
{headers}"
        );
        self.message(retransmits, &head, sdp.then_some(("application/sdp", SDP)));
        self
    }

    /// Answers the request that came last, inside the dialog.
    pub fn answers(mut self, status: &str, headers: &str, sdp: bool) -> Self {
        let head = format!(
            "SIP/2.0 {status}
[last_Via:]
[last_From:]
[last_To:]
[last_Call-ID:]
[last_CSeq:]
Contact: <sip:peer@[local_ip]:[local_port];transport=[transport]>
{headers}"
        );
        self.message("", &head, sdp.then_some(("application/sdp", SDP)));
        self
    }

    /// Waits for a request.
    pub fn gets(self, method: &str) -> Self {
        self.gets_with(method, &[])
    }

    /// Waits for a request in which each `(header, pattern)` is found; the header `""` is the body.
    pub fn gets_with(mut self, method: &str, found: &[(&str, &str)]) -> Self {
        let checks = self.checks(found);
        let _ = writeln!(
            self.steps,
            r#"<recv request="{method}"><action>{checks}</action></recv>"#
        );
        self
    }

    /// Waits for a request that proves this password (MD5).
    pub fn gets_proved(
        mut self,
        method: &str,
        user: &str,
        password: &str,
        found: &[(&str, &str)],
    ) -> Self {
        let checks = self.checks(found);
        let proved = format!("proved{}", self.variables.len());
        let _ = writeln!(
            self.steps,
            r#"<recv request="{method}"><action>{checks}<verifyauth assign_to="{proved}" username="{user}" password="{password}"/></action></recv>
<nop hide="true" test="{proved}" next="{proved}"/>
<recv response="499" timeout="1"/>
<label id="{proved}"/>"#
        );
        self.variables.push(proved);
        self
    }

    /// Waits for a challenge in which the pattern is found, for `[authentication …]` of the next request.
    pub fn gets_challenged(mut self, code: u16, pattern: &str) -> Self {
        let checks = self.checks(&[("WWW-Authenticate", pattern)]);
        let _ = writeln!(
            self.steps,
            r#"<recv response="{code}" auth="true"><action>{checks}</action></recv>"#
        );
        self.refused = true;
        self
    }

    /// Answers the INVITE that came last, which begins the dialog anew.
    pub fn answers_with_tag(self, status: &str, headers: &str, sdp: bool) -> Self {
        let mut script = self.answers(status, headers, sdp);
        let start = script.steps.rfind("SIP/2.0 ").unwrap_or_default();
        let answer = script.steps.split_off(start);
        let tagged = answer.replace("[last_To:]", "[last_To:];tag=[pid]target[call_number]");
        script.steps.push_str(&tagged);
        script
    }

    /// Waits for a response; provisional ones may come before a final one.
    pub fn hears(self, code: u16) -> Self {
        self.hears_with(code, &[])
    }

    pub fn hears_with(mut self, code: u16, found: &[(&str, &str)]) -> Self {
        let checks = self.checks(found);
        self.refused = code >= 300;
        if self.calls {
            for provisional in [100, 180, 183] {
                if provisional != code && (code >= 200 || provisional == 100) {
                    let _ = writeln!(
                        self.steps,
                        r#"<recv response="{provisional}" optional="true"/>"#
                    );
                }
            }
        }
        let _ = writeln!(
            self.steps,
            r#"<recv response="{code}"><action>{checks}</action></recv>"#
        );
        self
    }

    pub fn pauses(mut self, milliseconds: u32) -> Self {
        let _ = writeln!(self.steps, r#"<pause milliseconds="{milliseconds}"/>"#);
        self
    }

    /// Hangs up and waits for the answer.
    pub fn hangs_up(self) -> Self {
        self.sends("BYE", "", None).hears(200)
    }

    /// Is hung up.
    pub fn gets_hung_up(self) -> Self {
        self.gets("BYE").answers("200 OK", "", false)
    }

    /// Says another contact than the address that it speaks from.
    pub fn with_contact(mut self, contact: &str) -> Self {
        let own = "Contact: <sip:peer@[local_ip]:[local_port];transport=[transport]>";
        self.steps = self.steps.replace(own, &format!("Contact: {contact}"));
        self
    }

    /// Calls this number, wherever its requests go.
    pub fn for_party(mut self, number: &str) -> Self {
        self.steps = self
            .steps
            .replace("To: <sip:[service]@", &format!("To: <sip:{number}@"));
        self
    }

    /// SIPp with this scenario, on a free port.
    pub fn sipp(&self) -> Sipp {
        let variables = self.variables.join(",");
        let reference = if variables.is_empty() {
            String::new()
        } else {
            format!(r#"<Reference variables="{variables}"/>"#)
        };
        let scenario = format!(
            r#"<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE scenario SYSTEM "sipp.dtd">
<scenario name="script">
{}{reference}
</scenario>
"#,
            self.steps
        );
        let file = tempfile::NamedTempFile::new().expect("a temporary file can be made");
        std::fs::write(file.path(), scenario).expect("it can be written");
        Sipp::new(file.path())
    }

    fn checks(&mut self, found: &[(&str, &str)]) -> String {
        let mut checks = std::mem::take(&mut self.keep);
        for (header, pattern) in found {
            let variable = format!("found{}", self.variables.len());
            let (header, inverse) = header
                .strip_prefix('!')
                .map_or((*header, false), |header| (header, true));
            let place = if header.is_empty() {
                r#"search_in="body""#.to_owned()
            } else if inverse {
                r#"search_in="msg""#.to_owned()
            } else {
                format!(r#"search_in="hdr" header="{header}:""#)
            };
            let check = if inverse {
                "check_it_inverse"
            } else {
                "check_it"
            };
            let pattern = if inverse && !header.is_empty() {
                format!("{header}:{pattern}")
            } else {
                (*pattern).to_owned()
            };
            let _ = writeln!(
                checks,
                r#"<ereg regexp="{pattern}" {place} {check}="true" assign_to="{variable}"/>"#
            );
            self.variables.push(variable);
        }
        checks
    }

    fn message(&mut self, attributes: &str, head: &str, body: Option<(&str, &str)>) {
        let mut lines: Vec<&str> = head.lines().filter(|line| !line.is_empty()).collect();
        let kind;
        let tail = match body {
            Some((body_kind, body)) => {
                kind = format!("Content-Type: {body_kind}");
                lines.push(&kind);
                format!("Content-Length: [len]\n\n{body}\n")
            }
            None => "Content-Length: 0\n\n".to_owned(),
        };
        let _ = write!(
            self.steps,
            "<send{attributes}><![CDATA[\n\n{}\n{tail}\n]]></send>\n",
            lines.join("\n")
        );
    }
}
