//! The list of listeners: CSV with the columns address, port, persona, tls.

use std::net::{IpAddr, SocketAddr};

use crate::error::LabError;
use crate::persona::Persona;

/// More listeners than one process should hold.
const LISTENERS_MAX: usize = 4_096;

/// One open port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Listener {
    /// Where.
    pub address: IpAddr,
    /// Which; 0: any free one.
    pub port: u16,
    /// What it answers as.
    pub persona: Persona,
    /// Inside TLS.
    pub tls: bool,
}

impl Listener {
    /// Address and port.
    #[must_use]
    pub const fn at(&self) -> SocketAddr {
        SocketAddr::new(self.address, self.port)
    }
}

/// Reads a list.
///
/// # Errors
/// With the line and what is wrong there.
pub fn read_listeners(text: &str) -> Result<Vec<Listener>, LabError> {
    let mut reader = csv::ReaderBuilder::new().comment(Some(b'#')).trim(csv::Trim::All).from_reader(text.as_bytes());
    let row_error = |line, what: String| LabError::Row { line, what };
    let header = reader.headers().map_err(|error| row_error(1, error.to_string()))?;
    if header.iter().ne(["address", "port", "persona", "tls"]) {
        return Err(row_error(1, "the columns are address,port,persona,tls".to_owned()));
    }
    let mut listeners = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|error| row_error(0, error.to_string()))?;
        let line = record.position().map_or(0, csv::Position::line);
        let field = |at| record.get(at).unwrap_or_default();
        let wrong = |name: &str, at| row_error(line, format!("{:?} is no {name}", field(at)));
        listeners.push(Listener {
            address: field(0).parse().map_err(|_| wrong("address", 0))?,
            port: field(1).parse().map_err(|_| wrong("port", 1))?,
            persona: field(2).parse().map_err(|()| wrong("persona", 2))?,
            tls: field(3).parse().map_err(|_| wrong("true or false", 3))?,
        });
        if listeners.len() > LISTENERS_MAX {
            return Err(row_error(line, format!("more than {LISTENERS_MAX} listeners")));
        }
    }
    Ok(listeners)
}
