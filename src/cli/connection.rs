//! The HTTP client: proxies from the environment, TLS, and early responses.

use crate::input::{self, CliError};
use std::env;
use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use ureq::tls::{PemItem, RootCerts, TlsConfig, parse_pem};
use ureq::unversioned::resolver::DefaultResolver;
use ureq::unversioned::transport::{
    Buffers, ConnectProxyConnector, ConnectionDetails, Connector, NextTimeout, RustlsConnector, TcpConnector, Transport,
};
use ureq::{Agent, Error};

/// The timeout to connect.
const CONNECT: Duration = Duration::from_secs(15);

/// The timeout without any transfer.
const STALL: Duration = Duration::from_secs(60);

/// Whether the server stopped reading the request.
pub type Gone = Arc<AtomicBool>;

/// A client without redirects, because a key is meant for one address.
pub fn agent(gone: &Gone) -> Result<Agent, CliError> {
    let config = Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .timeout_connect(Some(CONNECT))
        .timeout_per_read(Some(STALL))
        .timeout_per_write(Some(STALL))
        .user_agent(concat!("mayuse/", env!("CARGO_PKG_VERSION")))
        .tls_config(TlsConfig::builder().root_certs(roots()?).build())
        .build();
    let connector =
        ().chain(ConnectProxyConnector::default())
            .chain(TcpConnector::default())
            .chain(Listen(Arc::clone(gone)))
            .chain(RustlsConnector::default());
    Ok(Agent::with_parts(config, connector, DefaultResolver::default()))
}

/// The trusted root certificates: those in SSL_CERT_FILE, else those of browsers. Companies that
/// inspect their own traffic set this variable.
fn roots() -> Result<RootCerts, CliError> {
    let Some(path) = env::var_os("SSL_CERT_FILE").filter(|path| !path.is_empty()) else {
        return Ok(RootCerts::WebPki);
    };
    let failed = |error| CliError::Io { what: format!("SSL_CERT_FILE {}", input::name(Path::new(&path))), error };
    let pem = fs::read(&path).map_err(failed)?;
    let mut certificates = Vec::new();
    for item in parse_pem(&pem) {
        if let PemItem::Certificate(certificate) = item.map_err(|error| failed(error.into_io()))? {
            certificates.push(certificate);
        }
    }
    if certificates.is_empty() {
        return Err(failed(io::Error::other("there is no certificate in it")));
    }
    Ok(RootCerts::from(certificates))
}

/// A transport for servers that answer and close before the body is complete. Sending fails then, but
/// the response can still be read: so unsendable bytes are dropped, and `Gone` is set.
#[derive(Debug)]
struct Listen(Gone);

#[derive(Debug)]
struct Listening<T> {
    inner: T,
    gone: Gone,
    error: Option<io::Error>,
}

impl<T: Transport> Connector<T> for Listen {
    type Out = Listening<T>;

    fn connect(&self, _: &ConnectionDetails<'_>, chained: Option<T>) -> Result<Option<Listening<T>>, Error> {
        self.0.store(false, Ordering::Relaxed);
        Ok(chained.map(|inner| Listening { inner, gone: Arc::clone(&self.0), error: None }))
    }
}

impl<T: Transport> Transport for Listening<T> {
    fn buffers(&mut self) -> &mut dyn Buffers {
        self.inner.buffers()
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        if self.error.is_none()
            && let Err(error) = self.inner.transmit_output(amount, timeout)
        {
            self.error = Some(error.into_io());
            self.gone.store(true, Ordering::Relaxed);
        }
        Ok(())
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        // The error of sending says more than the missing response.
        match (self.inner.await_input(timeout), self.error.take()) {
            (Ok(false) | Err(_), Some(error)) => Err(Error::Io(error)),
            (outcome, error) => {
                self.error = error;
                outcome
            }
        }
    }

    fn is_open(&mut self) -> bool {
        self.error.is_none() && self.inner.is_open()
    }

    fn is_tls(&self) -> bool {
        self.inner.is_tls()
    }
}
