//! SIP over TLS from its files: read at the start, and again when SIGHUP says that they are new.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use ringfence_telephony::{Certificate, Telephony, TlsConfig};
use tokio::signal::unix::{SignalKind, signal};

use crate::config::{Config, Sip};

/// What the keys `sip.listen_tls`, `sip.tls_certificate`, `sip.tls_key` and `sip.tls_roots` ask for.
///
/// # Errors
/// When one of them is missing, or a file cannot be read.
pub fn of(config: &Config) -> anyhow::Result<Option<TlsConfig>> {
    let Some(listen) = config.sip.listen_tls else {
        anyhow::ensure!(
            config.sip.tls_certificate.is_none() && config.sip.tls_key.is_none(),
            "sip.tls_certificate and sip.tls_key are given, but no address to listen on; set sip.listen_tls, \
             for example to \"0.0.0.0:5061\""
        );
        return Ok(None);
    };
    let roots_pem = match &config.sip.tls_roots {
        Some(file) => read("sip.tls_roots", file)?,
        None => Vec::new(),
    };
    Ok(Some(TlsConfig {
        listen,
        certificate: certificate(&config.sip)?,
        roots_pem,
    }))
}

fn certificate(sip: &Sip) -> anyhow::Result<Certificate> {
    Ok(Certificate {
        chain_pem: given("sip.tls_certificate", sip.tls_certificate.as_ref())?,
        key_pem: given("sip.tls_key", sip.tls_key.as_ref())?,
    })
}

fn given(key: &str, file: Option<&PathBuf>) -> anyhow::Result<Vec<u8>> {
    let file = file.with_context(|| {
        format!(
            "sip.listen_tls is given, but no {key}; name a PEM file, or leave sip.listen_tls out"
        )
    })?;
    read(key, file)
}

fn read(key: &str, file: &Path) -> anyhow::Result<Vec<u8>> {
    fs::read(file).with_context(|| format!("{key}: cannot read {}", file.display()))
}

/// Reads the certificate again at each SIGHUP, for as long as it is awaited. Calls go on; one that cannot be read is
/// told and the old one stays.
///
/// # Errors
/// When signals cannot be waited for.
pub async fn renew(sip: &Sip, telephony: &Telephony) -> anyhow::Result<()> {
    let mut hang_up = signal(SignalKind::hangup()).context("waiting for SIGHUP")?;
    while hang_up.recv().await.is_some() {
        if sip.listen_tls.is_none() {
            tracing::info!("SIGHUP: nothing to read again, for SIP over TLS is off");
            continue;
        }
        let renewed = certificate(sip)
            .and_then(|certificate| Ok(telephony.replace_certificate(&certificate)?));
        match renewed {
            Ok(()) => tracing::info!("the certificate of SIP over TLS was read again"),
            Err(error) => {
                metrics::counter!("ringfence_failed_certificate_renewals_total").increment(1);
                tracing::error!("the old certificate of SIP over TLS stays: {error:#}");
            }
        }
    }
    Ok(())
}
