//! `ringfence serve`: the server from its configuration, until it is told to stop.

use std::time::Duration;

use anyhow::Context as _;
use ringfence_live::Valkey;
use ringfence_media::MediaConfig;
use ringfence_outbound::OutboundPolicy;
use ringfence_platform::Settings;
use ringfence_platform::carriers::CarrierUrls;
use ringfence_platform::conversions::ConversionUrls;
use ringfence_platform::fence::FenceSettings;
use ringfence_platform::retention::Retention;
use ringfence_telephony::TelephonyConfig;
use tokio::signal::unix::{SignalKind, signal};

use crate::config::Config;
use crate::master_key;
use crate::metrics::Metrics;
use crate::server::{Server, ServerPlan, make_folder};
use crate::sip_tls;

/// How long calls under way may go on after the first signal; the second one ends them at once.
const PATIENCE: Duration = Duration::from_mins(30);

/// Serves until SIGINT or SIGTERM.
///
/// # Errors
/// What could not be brought up.
pub async fn serve(config: Config) -> anyhow::Result<()> {
    let metrics = Metrics::start()?;
    let mut server = Server::start(plan(&config)?, metrics).await?;
    let recovered = server.recovered;
    if recovered.calls > 0 {
        tracing::warn!(
            calls = recovered.calls,
            recordings = recovered.recordings,
            lost_recordings = recovered.lost_recordings,
            "an earlier run was interrupted; its calls are closed and their recordings mended"
        );
    }
    tracing::info!(
        http = %server.http,
        sip_udp = server.telephony.udp_address().map(tracing::field::display),
        sip_tcp = server.telephony.tcp_address().map(tracing::field::display),
        sip_tls = server.telephony.tls_address().map(tracing::field::display),
        database = server.platform.db.engine_name(),
        server = server.platform.standing.name(),
        "ready"
    );
    tokio::select! {
        stop = stop_signal() => stop?,
        renew = sip_tls::renew(&config.sip, &server.telephony) => renew?,
    }
    tracing::info!(
        calls = server.telephony.active_calls(),
        "stopping: no new calls; a second signal ends those under way"
    );
    server
        .end_calls(PATIENCE, async { stop_signal().await.unwrap_or(()) })
        .await;
    server.stop().await;
    tracing::info!("stopped");
    Ok(())
}

/// What a configuration means for the server.
///
/// # Errors
/// When a folder or the key cannot be made.
pub fn plan(config: &Config) -> anyhow::Result<ServerPlan> {
    make_folder(&config.data_folder)?;
    let sip = config.sip.listen_udp;
    Ok(ServerPlan {
        data_folder: config.data_folder.clone(),
        name: config.server.name.as_ref().map(ToString::to_string),
        dead_after: Duration::from_secs(config.server.dead_after.get().into()),
        database_url: config.database_url(),
        valkey: valkey(config)?,
        master_key: master_key::load_or_make(&config.key_file())?,
        http: config.http.listen,
        settings: Settings {
            recordings_folder: config.recordings_folder(),
            record_calls: config.recording.enabled,
            public_url: config
                .http
                .public_url
                .as_ref()
                .map(ToString::to_string)
                .unwrap_or_default(),
            trusted_proxies: config
                .http
                .trusted_proxies
                .iter()
                .map(|network| network.0)
                .collect(),
            number_requests_per_minute: config.tag.number_requests_per_minute,
            late_call_window: Duration::from_secs(config.tag.late_call_window.into()),
            carriers: CarrierUrls {
                twilio: config.carriers.twilio_url.0.clone(),
                telnyx: config.carriers.telnyx_url.0.clone(),
            },
            mail: crate::mail::mailer(config)?,
            conversions: ConversionUrls {
                google_analytics: config.conversions.google_analytics_url.0.clone(),
                google_ads: config.conversions.google_ads_url.0.clone(),
                google_tokens: config.conversions.google_tokens_url.0.clone(),
                meta: config.conversions.meta_url.0.clone(),
            },
            fence: FenceSettings {
                two_people: config.fence.two_people,
                look_at_pages: config.fence.look_at_pages,
                look_again_after: Duration::from_secs(config.fence.look_again_after.into()),
                new_account_for: Duration::from_hours(24) * config.fence.new_account_days,
                show_on_unseen_pages: config.fence.show_on_unseen_pages,
                withhold_from_silent_networks: config.fence.withhold_from_silent_networks,
                withdraw_from_locking_pages: config.fence.withdraw_from_locking_pages,
                dialled_minutes_per_hour: config.fence.dialled_minutes_per_hour,
                ..FenceSettings::default()
            },
        },
        retention: Retention {
            visits: config.retention.visits.into(),
            calls: config.retention.calls.into(),
            recordings: config.retention.recordings.into(),
        },
        telephony: TelephonyConfig {
            udp: Some(sip),
            tcp: Some(config.sip.listen_tcp),
            tls: sip_tls::of(config)?,
            session_interval: Duration::from_secs(config.sip.session_interval.0.into()),
            advertised: config.sip.advertised_address,
            nat: config.media.nat,
            max_calls: config.sip.max_calls.get() as usize,
            max_new_calls_per_second: config.sip.max_new_calls_per_second.get(),
            phone_expiry: (
                Duration::from_secs(config.sip.phone_expiry_min.get().into()),
                Duration::from_secs(config.sip.phone_expiry_max.get().into()),
            ),
            phone_md5_only: config.sip.phone_md5_only,
            ..TelephonyConfig::default()
        },
        media: MediaConfig {
            address: config.media.address.unwrap_or_else(|| sip.ip()),
            ports: config.media.ports.first..=config.media.ports.last,
            ..MediaConfig::default()
        },
        outbound: OutboundPolicy {
            allow_private: config.outbound.allow_private,
            ..OutboundPolicy::default()
        },
    })
}

/// The Valkey that the configuration names.
///
/// # Errors
/// When its URL is none.
pub fn valkey(config: &Config) -> anyhow::Result<Option<Valkey>> {
    let Some(url) = &config.live.url else {
        return Ok(None);
    };
    let patience = Duration::from_millis(config.live.patience.get().into());
    let valkey = Valkey::new(&url.0, patience).context("live.url")?;
    Ok(Some(valkey))
}

/// Resolves at the next SIGINT or SIGTERM.
///
/// # Errors
/// When signals cannot be waited for.
pub async fn stop_signal() -> anyhow::Result<()> {
    let mut interrupt = signal(SignalKind::interrupt()).context("waiting for SIGINT")?;
    let mut terminate = signal(SignalKind::terminate()).context("waiting for SIGTERM")?;
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    Ok(())
}
