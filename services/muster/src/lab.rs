//! `muster lab`: the listeners of the demo, or of a list of one's own, until Ctrl-C.

use std::path::{Path, PathBuf};

use clap::Args;
use muster_kit::{Exit, Failure, Shutdown};
use muster_lab::{Lab, LabError, Listener, demo, read_listeners};

use crate::operator::Output;

/// A list of 4,096 listeners has about 200 KiB.
const LIST_BYTES_MAX: u64 = 1 << 20;

/// Arguments of `muster lab`.
#[derive(Debug, Clone, Args)]
#[command(
    after_help = "Examples:\n  muster lab\n  muster lab --listeners listeners.csv\n  muster lab -o csv > listeners.csv\n\nThe columns of a list are address,port,persona,tls. Without one it opens those of the demo, about 60 on 127.20.0.0/24 and 127.30.0.0/24. They look like products and do nothing."
)]
pub struct LabArgs {
    /// CSV of what to open; port 0 takes a free one
    #[arg(long, value_name = "FILE")]
    listeners: Option<PathBuf>,
}

/// Opens the listeners, says where they are, and keeps them until the stop.
///
/// # Errors
/// A list that cannot be read, a port that is taken.
pub async fn lab(args: &LabArgs, output: &mut Output) -> Result<(), Failure> {
    let listeners = match &args.listeners {
        Some(file) => read(file)?,
        None => read_listeners(demo::LISTENERS).map_err(|error| Failure::message(Exit::Internal, error))?,
    };
    let shutdown = Shutdown::new();
    shutdown.listen_for_signals()?;
    let mut lab = Lab::start(&[]).await.map_err(cannot_open)?;
    let mut opened = Vec::with_capacity(listeners.len());
    for listener in listeners {
        let at = lab.open(listener).await.map_err(cannot_open)?;
        opened.push(Listener { port: at.port(), ..listener });
    }
    output.listeners(&opened)?;
    crate::process::talk(&format!("{} listeners are open. Stop them with Ctrl-C.", opened.len()));
    shutdown.requested().await;
    Ok(())
}

fn read(file: &Path) -> Result<Vec<Listener>, Failure> {
    use std::io::Read as _;
    let unreadable = |error: std::io::Error| {
        Failure::message(Exit::NoInput, format!("failed to read the listeners {}: {error}", file.display()))
    };
    let mut text = String::new();
    let opened = std::fs::File::open(file).map_err(unreadable)?;
    opened.take(LIST_BYTES_MAX).read_to_string(&mut text).map_err(unreadable)?;
    read_listeners(&text).map_err(|error| Failure::message(Exit::Data, format!("{error} ({})", file.display())))
}

fn cannot_open(error: LabError) -> Failure {
    Failure::message(Exit::CannotCreate, error)
}

#[cfg(test)]
mod tests {
    use super::read;
    use crate::operator::{Format, Output};
    use muster_kit::Exit;
    use muster_lab::{demo, read_listeners};

    #[test]
    fn what_is_printed_as_csv_can_be_opened_again() {
        let listeners = read_listeners(demo::LISTENERS).unwrap();
        let (mut output, data, _talk) = Output::captured(Format::Csv, None);
        assert!(output.listeners(&listeners).is_ok());
        assert_eq!(read_listeners(&data.text()).unwrap(), listeners);
    }

    #[test]
    fn a_table_names_address_port_and_persona() {
        let listeners = read_listeners("address,port,persona,tls\n127.0.0.1,8443,nginx,true\n").unwrap();
        let (mut output, data, _talk) = Output::captured(Format::Table, None);
        assert!(output.listeners(&listeners).is_ok());
        let text = data.text();
        let row: Vec<&str> = text.lines().nth(1).unwrap_or_default().split_whitespace().collect();
        assert_eq!(row, ["127.0.0.1", "8443", "nginx", "true"], "{text}");
    }

    #[test]
    fn a_list_with_a_mistake_is_wrong_data_and_names_the_file() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("listeners.csv");
        std::fs::write(&file, "address,port,persona,tls\nhere,8443,nginx,true\n").unwrap();
        let Err(failure) = read(&file) else { panic!("it is wrong") };
        assert_eq!(failure.exit(), Exit::Data);
        assert!(failure.to_string().contains("line 2") && failure.to_string().contains("listeners.csv"), "{failure}");
        assert_eq!(read(&directory.path().join("none")).map_err(|failure| failure.exit()), Err(Exit::NoInput));
    }
}
