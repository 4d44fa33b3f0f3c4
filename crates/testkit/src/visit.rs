//! A whole visit in one call, which may fail: for servers that are about to be there again.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// Connects, logs in, fetches one file and says goodbye; returns the file.
///
/// # Errors
/// When anything else happens than that, or nothing for the time given. Nothing here panics, unlike in [`crate::Dialogue`].
pub fn visit(
    address: SocketAddr,
    login: (&str, &str),
    file: &str,
    patience: Duration,
) -> io::Result<Vec<u8>> {
    let stream = connect(address, patience)?;
    let mut control = BufReader::new(stream);
    reply(&mut control, "220")?;
    ask(&mut control, &format!("USER {}", login.0), "331")?;
    ask(&mut control, &format!("PASS {}", login.1), "230")?;
    let told = ask(&mut control, "EPSV", "229")?;
    let port = told.rsplit('|').nth(1).and_then(|port| port.parse().ok());
    let port = port.ok_or_else(|| io::Error::other(format!("no port in {told:?}")))?;
    let mut data = connect(SocketAddr::new(address.ip(), port), patience)?;
    ask(&mut control, &format!("RETR {file}"), "150")?;
    let mut octets = Vec::new();
    data.read_to_end(&mut octets)?;
    reply(&mut control, "226")?;
    ask(&mut control, "QUIT", "221")?;
    Ok(octets)
}

fn connect(address: SocketAddr, patience: Duration) -> io::Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&address, patience)?;
    stream.set_read_timeout(Some(patience))?;
    stream.set_write_timeout(Some(patience))?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

fn ask(control: &mut BufReader<TcpStream>, line: &str, code: &str) -> io::Result<String> {
    control.get_ref().write_all(format!("{line}\r\n").as_bytes())?;
    reply(control, code)
}

/// Reads to the last line of a reply, which must have this code.
fn reply(control: &mut BufReader<TcpStream>, code: &str) -> io::Result<String> {
    loop {
        let mut line = String::new();
        if control.read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if line.get(3..4) == Some(" ") {
            let is_it = line.starts_with(code);
            return if is_it {
                Ok(line)
            } else {
                Err(io::Error::other(format!("{code} expected: {line:?}")))
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, TcpListener};

    use super::*;

    #[test]
    fn a_server_that_hangs_up_is_an_error_and_no_panic() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let server = std::thread::spawn(move || listener.accept().unwrap().0.write_all(b"220 hello\r\n"));
        assert!(visit(address, ("anna", "secret"), "file", Duration::from_secs(5)).is_err());
        server.join().unwrap().unwrap();
        assert!(
            visit(address, ("anna", "secret"), "file", Duration::from_secs(5)).is_err(),
            "nobody listens"
        );
    }
}
