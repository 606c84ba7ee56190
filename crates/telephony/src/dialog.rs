//! One SIP dialog (RFC 3261 §12) as we keep it: who, where to, and which number comes next.

use rsipstack::sip::prelude::{HeadersExt, ToTypedHeader};
use rsipstack::sip::{Header, Method, Param, Request, Response, Transport, Uri, Version};
use rsipstack::transaction::endpoint::EndpointInnerRef;
use rsipstack::transaction::transaction::Transaction;
use rsipstack::transaction::{key::TransactionKey, key::TransactionRole, make_via_branch};
use rsipstack::transport::{SipAddr, SipConnection};

use crate::digest::Challenge;
use crate::message;
use crate::wire::Identity;

/// A dialog, early or confirmed.
#[derive(Debug, Clone)]
pub(crate) struct Dialog {
    /// Shared by all requests of the dialog.
    pub call_id: String,
    /// Ours.
    pub local_tag: String,
    /// Theirs, once they have one.
    pub remote_tag: Option<String>,
    /// Our From value, with the tag.
    local: String,
    /// Our To value, with the tag once there is one.
    remote: String,
    /// The number of our last request.
    sequence: u32,
    /// The number of their last request; smaller ones are late (RFC 3261 §12.2.2).
    remote_sequence: u32,
    /// Where requests go, unless routes say otherwise.
    target: Uri,
    routes: Vec<String>,
    /// How the peer's challenge was answered; later requests prove themselves at once (RFC 7616 §3.6).
    proof: Option<Proof>,
    /// The peer said that it takes UPDATE (RFC 3311).
    takes_update: bool,
    /// Which transport our requests take.
    transport: Transport,
    /// The stream that the peer's messages come on; requests go back on it.
    connection: Option<SipConnection>,
    /// Where to send instead of `target`, for peers behind NAT.
    destination: Option<SipAddr>,
}

impl Dialog {
    /// The dialog of an INVITE that came in (RFC 3261 §12.1.1). `None` without a usable Contact.
    pub(crate) fn incoming(
        invite: &Request,
        local_tag: String,
        connection: Option<&SipConnection>,
        nat: bool,
    ) -> Option<Self> {
        let from = invite.from_header().ok()?.value().to_owned();
        let to = invite.to_header().ok()?.value();
        let target = contact(invite)?;
        let stream = connection.filter(|connection| connection.is_reliable());
        let transport = connection.map_or(Transport::Udp, SipConnection::transport);
        Some(Self {
            call_id: message::call_id(invite)?.to_owned(),
            remote_tag: Some(message::tag(&from)?.to_owned()),
            local: format!("{to};tag={local_tag}"),
            local_tag,
            remote: from,
            sequence: 0,
            remote_sequence: invite.cseq_header().ok()?.seq().ok()?,
            target,
            routes: record_routes(invite, false),
            proof: None,
            takes_update: message::allows(&invite.headers, "UPDATE"),
            transport,
            connection: stream.cloned(),
            destination: connection
                .filter(|_| nat)
                .and_then(|connection| connection.get_remote_addr().cloned()),
        })
    }

    /// A dialog that we begin by an INVITE to `target`. `from` has no tag yet.
    pub(crate) fn outgoing(target: Uri, from: &str, transport: Transport) -> Self {
        let local_tag = message::new_tag();
        // The To URI has no parameters that belong to the Request-URI alone (RFC 3261 §19.1.1).
        let mut to = target.clone();
        to.params
            .retain(|parameter| !matches!(parameter, Param::Transport(_) | Param::Lr));
        to.headers.clear();
        Self {
            call_id: message::new_call_id(),
            local: format!("{from};tag={local_tag}"),
            local_tag,
            remote_tag: None,
            remote: format!("<{to}>"),
            sequence: 0,
            remote_sequence: 0,
            target,
            routes: Vec::new(),
            proof: None,
            takes_update: false,
            transport,
            connection: None,
            destination: None,
        }
    }

    /// What our REGISTERs for an identity (a name-addr without a tag) share, which is a dialog but for the tag of the
    /// other side (RFC 3261 §10.2): they are numbered and proved alike.
    pub(crate) fn registering(registrar: Uri, identity: &str) -> Self {
        Self {
            remote: identity.to_owned(),
            ..Self::outgoing(registrar, identity, Transport::Udp)
        }
    }

    /// Its next requests travel by this transport.
    pub(crate) const fn travel_by(&mut self, transport: Transport) {
        self.transport = transport;
    }

    /// The next challenge is answered, whatever was answered before.
    pub(crate) fn forget_proof(&mut self) {
        self.proof = None;
    }

    /// Learns the peer's tag, target and routes from a response to our INVITE (RFC 3261 §12.1.2).
    pub(crate) fn learn(&mut self, response: &Response) {
        if let Ok(to) = response.to_header()
            && let Some(tag) = message::tag(to.value())
        {
            self.remote_tag = Some(tag.to_owned());
            to.value().clone_into(&mut self.remote);
        }
        if let Some(target) = contact(response) {
            self.target = target;
        }
        self.routes = record_routes(response, true);
        self.takes_update = message::allows(&response.headers, "UPDATE");
    }

    /// Learns a new target from a re-INVITE or its answer (RFC 3261 §12.2).
    pub(crate) fn retarget(&mut self, message: &impl HeadersExt) {
        if let Some(target) = contact(message) {
            self.target = target;
        }
    }

    /// Whether the peer said that it takes UPDATE.
    pub(crate) const fn takes_update(&self) -> bool {
        self.takes_update
    }

    /// Which transport our requests take.
    pub(crate) const fn transport(&self) -> Transport {
        self.transport
    }

    /// Remembers the stream that a request of ours went out on.
    pub(crate) fn pin(&mut self, connection: Option<&SipConnection>) {
        self.connection = connection
            .filter(|connection| connection.is_reliable())
            .cloned();
    }

    /// Takes the peer's challenge; whether there is sense in answering it: an answer to it has been wrong already,
    /// unless it says that only the nonce was old.
    pub(crate) fn challenged(
        &mut self,
        challenge: Challenge,
        by_proxy: bool,
        user: String,
        password: String,
    ) -> bool {
        if self.proof.is_some() && !challenge.stale {
            return false;
        }
        self.proof = Some(Proof {
            challenge,
            by_proxy,
            user,
            password,
            count: 0,
        });
        true
    }

    /// The realm's host: where our requests go.
    pub(crate) const fn target(&self) -> &Uri {
        &self.target
    }

    /// Whether a request of the peer is next in its order; late ones are not (RFC 3261 §12.2.2).
    pub(crate) fn accepts(&mut self, request: &Request) -> bool {
        let Some(sequence) = request.cseq_header().ok().and_then(|cseq| cseq.seq().ok()) else {
            return false;
        };
        if self.remote_sequence != 0 && sequence <= self.remote_sequence {
            return false;
        }
        self.remote_sequence = sequence;
        true
    }

    /// Whether a message's remote tag is this dialog's; before there is one, any is.
    pub(crate) fn is_with(&self, tag: Option<&str>) -> bool {
        self.remote_tag.is_none() || self.remote_tag.as_deref() == tag
    }

    /// The next request of ours.
    pub(crate) fn request(
        &mut self,
        method: Method,
        identity: &Identity,
        extra: Vec<Header>,
        body: Vec<u8>,
    ) -> Request {
        self.sequence += 1;
        let sequence = self.sequence;
        let mut headers = vec![
            identity.via(self.transport, &make_via_branch()),
            Header::MaxForwards(70.to_string().into()),
            Header::From(self.local.clone().into()),
            Header::To(self.remote.clone().into()),
            Header::CallId(self.call_id.clone().into()),
            Header::CSeq(format!("{sequence} {method}").into()),
            Header::UserAgent(message::PRODUCT.to_owned().into()),
        ];
        if matches!(method, Method::Invite | Method::Update) {
            headers.push(identity.contact(self.transport));
            headers.push(message::allow());
            headers.push(message::supported());
        }
        headers.extend(
            self.routes
                .iter()
                .cloned()
                .map(|route| Header::Route(route.into())),
        );
        headers.extend(extra);
        let uri = self.target.to_string();
        headers.extend(self.proof.as_mut().map(|proof| proof.header(method, &uri)));
        headers.push(Header::ContentLength(body.len().to_string().into()));
        Request {
            method,
            uri: self.target.clone(),
            version: Version::V2,
            headers: headers.into(),
            body,
        }
    }

    /// A request inside the early dialog that a response has made, and that dialog (RFC 3262 §4). Other branches
    /// of the INVITE may make others; their numbers are all taken from here.
    pub(crate) fn early_request(
        &mut self,
        response: &Response,
        method: Method,
        identity: &Identity,
        extra: Vec<Header>,
    ) -> (Self, Request) {
        let mut early = self.clone();
        early.learn(response);
        let request = early.request(method, identity, extra, Vec::new());
        self.sequence = early.sequence;
        (early, request)
    }

    /// A client transaction for a request of this dialog, not sent yet.
    pub(crate) fn transaction(
        &self,
        request: Request,
        endpoint: &EndpointInnerRef,
    ) -> Option<Transaction> {
        let key = TransactionKey::from_request(&request, TransactionRole::Client).ok()?;
        let mut transaction =
            Transaction::new_client(key, request, endpoint.clone(), self.connection.clone());
        if self.routes.is_empty() {
            transaction.destination.clone_from(&self.destination);
        }
        Some(transaction)
    }
}

/// A challenge and what answers it.
#[derive(Clone)]
struct Proof {
    challenge: Challenge,
    by_proxy: bool,
    user: String,
    password: String,
    /// Requests under its nonce.
    count: u32,
}

/// The password stays out of logs.
impl std::fmt::Debug for Proof {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Proof").finish_non_exhaustive()
    }
}

impl Proof {
    fn header(&mut self, method: Method, uri: &str) -> Header {
        self.count += 1;
        let Self {
            challenge,
            user,
            password,
            count,
            ..
        } = self;
        let method = method.to_string();
        let value = challenge.answer(user, password, &method, uri, *count);
        if self.by_proxy {
            Header::ProxyAuthorization(value.into())
        } else {
            Header::Authorization(value.into())
        }
    }
}

/// The CANCEL of an INVITE of ours (RFC 3261 §9.1): the same branch, the same number.
pub(crate) fn cancel_of(invite: &Request, reason: Option<Header>) -> Request {
    let mut headers: Vec<Header> = invite
        .headers
        .iter()
        .filter(|header| {
            matches!(
                header,
                Header::Via(_)
                    | Header::CallId(_)
                    | Header::From(_)
                    | Header::To(_)
                    | Header::Route(_)
            )
        })
        .cloned()
        .collect();
    let sequence = invite
        .cseq_header()
        .ok()
        .and_then(|cseq| cseq.seq().ok())
        .unwrap_or(1);
    headers.push(Header::CSeq(
        format!("{sequence} {}", Method::Cancel).into(),
    ));
    headers.push(Header::MaxForwards(70.to_string().into()));
    headers.extend(reason);
    headers.push(Header::UserAgent(message::PRODUCT.to_owned().into()));
    headers.push(Header::ContentLength(0.to_string().into()));
    Request {
        method: Method::Cancel,
        uri: invite.uri.clone(),
        version: Version::V2,
        headers: headers.into(),
        body: Vec::new(),
    }
}

fn contact(message: &impl HeadersExt) -> Option<Uri> {
    let contact = message.contact_header().ok()?.clone();
    contact.typed().ok().map(|contact| contact.uri)
}

fn record_routes(message: &impl HeadersExt, reversed: bool) -> Vec<String> {
    let mut routes: Vec<String> = message
        .typed_record_route_headers()
        .unwrap_or_default()
        .into_iter()
        .take(16)
        .map(|route| route.to_string())
        .collect();
    if reversed {
        routes.reverse();
    }
    routes
}
