//! Bytes over a TCP connection or a serial port.

use super::Port;
use mote_link::host::Transport;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::thread;
use std::time::Duration;

/// How long to wait for a connection, or for room to write.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long to wait before opening a lost line again: a board that restarts takes its USB port away for a moment.
const PAUSE: Duration = Duration::from_millis(500);

/// An open line to a device.
pub struct Line {
    port: Port,
    stream: Stream,
}

enum Stream {
    Tcp(TcpStream),
    Serial(Box<dyn serialport::SerialPort>),
}

impl Line {
    /// Opens the port.
    ///
    /// # Errors
    /// Those of the operating system; [`ErrorKind::NotFound`] if a name has no address.
    pub fn open(port: &Port) -> io::Result<Self> {
        Ok(Self { port: port.clone(), stream: Stream::open(port)? })
    }
}

impl Stream {
    fn open(port: &Port) -> io::Result<Self> {
        match port {
            Port::Tcp { address } => {
                let mut last = io::Error::new(ErrorKind::NotFound, "the name has no address");
                for address in address.to_socket_addrs()? {
                    match TcpStream::connect_timeout(&address, PATIENCE) {
                        Ok(stream) => {
                            // A request is one small packet that has nothing to wait for.
                            stream.set_nodelay(true)?;
                            stream.set_write_timeout(Some(PATIENCE))?;
                            return Ok(Self::Tcp(stream));
                        }
                        Err(error) => last = error,
                    }
                }
                Err(last)
            }
            Port::Serial { path, baud } => Ok(Self::Serial(serialport::new(path, *baud).timeout(PATIENCE).open()?)),
        }
    }
}

impl Transport for Line {
    type Error = io::Error;

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match &mut self.stream {
            Stream::Tcp(stream) => stream.write_all(bytes),
            Stream::Serial(port) => {
                port.set_timeout(PATIENCE)?;
                port.write_all(bytes)
            }
        }
    }

    fn read(&mut self, buffer: &mut [u8], timeout: Duration) -> io::Result<usize> {
        // The operating system takes 0 for "for ever".
        let timeout = timeout.max(Duration::from_millis(1));
        let read = match &mut self.stream {
            Stream::Tcp(stream) => {
                stream.set_read_timeout(Some(timeout))?;
                match stream.read(buffer) {
                    Ok(0) if !buffer.is_empty() => Err(ErrorKind::UnexpectedEof.into()),
                    result => result,
                }
            }
            Stream::Serial(port) => {
                port.set_timeout(timeout)?;
                port.read(buffer)
            }
        };
        match read {
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => Ok(0),
            Err(error) if error.kind() == ErrorKind::Interrupted => Ok(0),
            result => result,
        }
    }

    fn reconnect(&mut self) -> io::Result<()> {
        thread::sleep(PAUSE);
        self.stream = Stream::open(&self.port)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    fn pair() -> (TcpListener, Line) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = Port::Tcp { address: listener.local_addr().unwrap().to_string() };
        (listener, Line::open(&port).unwrap())
    }

    #[test]
    fn silence_is_no_error_and_a_closed_line_is() {
        let (listener, mut line) = pair();
        let (peer, _) = listener.accept().unwrap();
        let mut buffer = [0; 8];
        assert_eq!(line.read(&mut buffer, Duration::from_millis(5)).unwrap(), 0);
        drop(peer);
        assert!(line.read(&mut buffer, Duration::from_secs(5)).is_err());
    }

    #[test]
    fn a_line_opens_again_to_the_same_place() {
        let (listener, mut line) = pair();
        drop(listener.accept().unwrap());
        line.reconnect().unwrap();
        let (mut peer, _) = listener.accept().unwrap();
        line.write(b"hello").unwrap();
        let mut heard = [0; 5];
        peer.read_exact(&mut heard).unwrap();
        peer.write_all(b"ok").unwrap();
        let mut buffer = [0; 8];
        assert_eq!((&heard, line.read(&mut buffer, PATIENCE).unwrap()), (b"hello", 2));
    }

    #[test]
    fn a_port_that_is_not_there_is_an_error() {
        assert!(Line::open(&Port::Serial { path: "/dev/no-such-port".into(), baud: 9600 }).is_err());
    }
}
