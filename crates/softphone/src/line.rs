//! The SIP side of a softphone: its addresses, its dialogs, and what both kinds of call do in a dialog.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rsipstack::dialog::dialog::TransactionHandle;
use rsipstack::dialog::dialog_layer::DialogLayer;
use rsipstack::dialog::invite_dialog::InviteDialog;
use rsipstack::sip::{Auth, Header, Method, Param, Request, Scheme, StatusCode, Uri};
use rsipstack::transport::SipAddr;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::sound::Sound;
use crate::{SoftphoneError, Transport, sdp};

/// A farewell that is not answered by then is not waited for.
const FAREWELL: Duration = Duration::from_secs(4);

/// What calls need of their telephone.
pub struct Line {
    pub layer: Arc<DialogLayer>,
    pub local: SocketAddr,
    pub transport: Transport,
    /// The telephone is being put away: end every call.
    pub leaving: CancellationToken,
}

/// An error of the stack as one of ours.
pub fn sip(error: impl std::fmt::Display) -> SoftphoneError {
    SoftphoneError::Sip(error.to_string())
}

/// The header that goes with a session description.
pub fn sdp_headers() -> Vec<Header> {
    vec![Header::ContentType("application/sdp".into())]
}

impl Line {
    /// The URI under which `user` is reached at `address`.
    pub fn uri(&self, user: &str, address: SocketAddr) -> Uri {
        let params = match self.transport {
            Transport::Udp => Vec::new(),
            Transport::Tcp => vec![Param::Transport(rsipstack::sip::Transport::Tcp)],
        };
        Uri {
            scheme: Some(Scheme::Sip),
            auth: Some(Auth {
                user: user.to_owned(),
                password: None,
            }),
            host_with_port: address.into(),
            params,
            headers: Vec::new(),
        }
    }

    /// Where this telephone is reached.
    pub fn contact(&self) -> Uri {
        self.uri("softphone", self.local)
    }

    /// Where a request goes.
    pub fn destination(&self, server: SocketAddr) -> SipAddr {
        let transport = match self.transport {
            Transport::Udp => rsipstack::sip::Transport::Udp,
            Transport::Tcp => rsipstack::sip::Transport::Tcp,
        };
        SipAddr::new(transport, server.into())
    }

    /// Says goodbye and forgets the dialog.
    pub async fn hang_up(&self, dialog: &InviteDialog) {
        match timeout(FAREWELL, dialog.bye()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::debug!(%error, "BYE went unheard"),
            Err(_) => tracing::debug!("BYE went unanswered"),
        }
        self.layer.remove_dialog(&dialog.id());
    }
}

/// Answers a re-INVITE or an UPDATE: a new description of the other side, or the wish for one of ours.
pub async fn answer_change(request: &Request, handle: &TransactionHandle, sound: &mut Sound) {
    // An UPDATE without an offer only asks whether we are still here (RFC 4028 §7.4).
    if request.method == Method::Update && request.body.is_empty() {
        return acknowledge(handle).await;
    }
    let answer = if request.body.is_empty() {
        Some(sound.offer("sendrecv"))
    } else {
        sdp::read(&request.body).map(|theirs| {
            sound.speak_to(&theirs);
            sound.answer(&theirs)
        })
    };
    let replied = match answer {
        Some(body) => {
            handle
                .respond(StatusCode::OK, Some(sdp_headers()), Some(body))
                .await
        }
        None => handle.reply(StatusCode::NotAcceptableHere).await,
    };
    if replied.is_err() {
        tracing::debug!("a change of the session ended before it was answered");
    }
}

/// Answers an OPTIONS, an INFO or another request that asks for nothing but an answer.
pub async fn acknowledge(handle: &TransactionHandle) {
    if handle.reply(StatusCode::OK).await.is_err() {
        tracing::debug!("a request in a dialog ended before it was answered");
    }
}
