//! Files through a connection: with a socket that gives and takes what it likes, and a service that has time.

use std::io::{ErrorKind, Read};

use proptest::prelude::*;

use super::*;
use crate::http::StreamBody;
use crate::ring::{ArrivingBody, LeavingFile, PIECE, arriving, leaving};
use crate::server::client_address::ClientAddress;

const PATIENCE: Patience =
    Patience { header_timeout: Duration::from_secs(15), write_timeout: Duration::from_secs(30) };

const LIMITS: TransferLimits =
    TransferLimits { stalls_after: Duration::from_secs(30), answers_within: Duration::from_secs(60) };

/// Answers by the number of the status.
struct Statuses;

impl Site for Statuses {
    fn reply(&mut self, request: Result<&Request<'_>, Status>) -> Reply {
        Reply::Answer(Outgoing::new(request.unwrap_err().0.to_string().into_bytes(), false))
    }

    fn log_in(&mut self, _: IcySource) -> Reply {
        unreachable!("nobody speaks ICY here")
    }

    fn turn_away(&mut self, _: IcyFault) -> Reply {
        unreachable!("nobody speaks ICY here")
    }

    fn hand_over(&mut self, _: &Request<'_>, _: Vec<u8>) -> Reply {
        unreachable!("no body is received as a whole")
    }
}

/// A connection whose request waits for its service.
fn waiting(headers: &str, rest: &[u8], now: Instant) -> Connection {
    let head = format!("PUT /a HTTP/1.1\r\nHost: a\r\n{headers}\r\n");
    let request = Request::parse(head.as_bytes()).unwrap();
    let body = StreamBody::of("PUT", request.body().unwrap()).unwrap();
    let pending = PendingRequest {
        ticket: 7,
        form: Form::of(Some(&request)),
        visit: Visit::new(1, ClientAddress::new([127, 0, 0, 1].into()), Some(&request)),
        since: now,
        to_come: ToCome::File(StreamStart::of(&request, body)),
    };
    let reply = Reply::Wait(Box::new(pending), now + Duration::from_secs(60));
    Connection::after(reply, Vec::new(), rest.to_vec(), PATIENCE, now)
}

fn uploading(headers: &str, rest: &[u8], now: Instant) -> (Connection, ArrivingBody) {
    let (pieces, body) = arriving(|| ());
    let mut connection = waiting(headers, rest, now);
    connection.receive_upload(pieces, LIMITS, now);
    (connection, body)
}

fn downloading(length: u64, now: Instant) -> (Connection, LeavingFile) {
    let (file, pieces) = leaving(|| ());
    let mut connection = waiting("Content-Length: 1\r\n", b"", now);
    let head = b"head\r\n".to_vec();
    let answer = LeavingAnswer { status: 200, head, length, pieces, keeps_alive: false };
    connection.send_file(answer, LIMITS, now);
    (connection, file)
}

/// What the client gets after this time.
fn after(connection: &mut Connection, time: Duration, now: Instant) -> Vec<u8> {
    connection.check_deadline(&mut Statuses, PATIENCE, now + time);
    match connection.wants() {
        Want::Write(bytes) => bytes.to_vec(),
        _ => Vec::new(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_file_arrives_as_it_was_sent_however_the_socket_gives_it(
        length in 1_usize..4 * PIECE, in_head in 0_usize..2_000, gives in 100_usize..3 * PIECE, reads in 1_usize..2 * PIECE,
        is_chunked: bool,
    ) {
        let sent: Vec<u8> = (0..length).map(|at| (at * 7 % 251) as u8).collect();
        let (headers, input) = match is_chunked {
            true => ("Transfer-Encoding: chunked\r\n".to_owned(), {
                let chunk = |bytes: &[u8]| [format!("{:x}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat();
                [sent.chunks(10_000).flat_map(chunk).collect(), b"0\r\n\r\n".to_vec()].concat()
            }),
            false => (format!("Content-Length: {length}\r\n"), sent.clone()),
        };
        let now = Instant::now();
        let (first, mut rest) = input.split_at(in_head.min(input.len()));
        let (mut connection, mut body) = uploading(&headers, first, now);
        let reader = std::thread::spawn(move || {
            let (mut all, mut buffer) = (Vec::new(), vec![0; reads]);
            while let Ok(count @ 1..) = body.read(&mut buffer) {
                all.extend_from_slice(&buffer[..count]);
            }
            all
        });
        while !reader.is_finished() {
            match connection.wants() {
                Want::Read(most) => {
                    prop_assert!(most > 0 && !rest.is_empty());
                    let (now_read, later) = rest.split_at(rest.len().min(most).min(gives));
                    connection.received(now_read, now);
                    rest = later;
                }
                Want::Rest => connection.renew_share(),
                Want::Wait => prop_assert!(connection.go_on(7, now)),
                other => prop_assert!(false, "{other:?}"),
            }
        }
        prop_assert!(reader.join().unwrap() == sent);
        prop_assert!(rest.is_empty() && matches!(connection.wants(), Want::Wait));
    }

    #[test]
    fn a_file_leaves_as_it_is_however_the_socket_takes_it(
        length in 0_usize..4 * PIECE, piece in 1_usize..=PIECE, takes in 100_usize..2 * PIECE,
    ) {
        let sent: Vec<u8> = (0..length).map(|at| (at * 7 % 251) as u8).collect();
        let now = Instant::now();
        let (mut connection, file) = downloading(length as u64, now);
        let bytes = sent.clone();
        let writer = std::thread::spawn(move || bytes.chunks(piece.max(1_000)).all(|piece| file.push(piece.to_vec())));
        let mut got = Vec::new();
        loop {
            match connection.wants() {
                Want::EndFile => break,
                Want::Write(bytes) => {
                    let count = bytes.len().min(takes);
                    got.extend_from_slice(&bytes[..count]);
                    connection.sent(count, PATIENCE, now);
                }
                Want::Rest => connection.renew_share(),
                Want::Wait => prop_assert!(connection.go_on(7, now)),
                other => prop_assert!(false, "{other:?}"),
            }
        }
        prop_assert!(writer.join().unwrap());
        prop_assert!(got == [b"head\r\n", &sent[..]].concat());
        let downloaded = connection.file_ended(PATIENCE, now).unwrap();
        let (_, status, bytes, _) = downloaded.finish(now);
        prop_assert_eq!((status, bytes), (200, got.len() as u64));
        prop_assert!(matches!(connection, Connection::Lingering(_)));
    }
}

#[test]
fn while_nobody_takes_it_two_pieces_are_read_and_no_more() {
    let now = Instant::now();
    let (mut connection, body) = uploading("Content-Length: 1000000000\r\n", b"", now);
    let mut read = 0;
    loop {
        match connection.wants() {
            Want::Read(most) => {
                connection.received(&vec![0; most], now);
                read += most;
            }
            Want::Rest => connection.renew_share(),
            other => break assert_eq!(other, Want::Wait),
        }
    }
    assert_eq!(read, 2 * PIECE);
    assert!(!connection.go_on(8, now), "that is another request");
    drop(body);
    assert!(connection.go_on(7, now));
    assert!(
        matches!(connection.wants(), Want::Read(_) | Want::Rest),
        "what comes is discarded until the answer"
    );
    let answer = Outgoing::new(b"too long".to_vec(), false);
    connection.answered(answer, PATIENCE, now);
    assert_eq!(connection.wants(), Want::Write(b"too long"));
}

/// What is still read of a client after its answer, and whether the connection stays open until this time.
fn read_on(connection: &mut Connection, time: Duration, now: Instant) -> (usize, bool) {
    let mut read = 0;
    loop {
        match connection.wants() {
            Want::Write(bytes) => {
                let count = bytes.len();
                connection.sent(count, PATIENCE, now);
            }
            Want::Shut => connection.shut(),
            Want::Rest => connection.renew_share(),
            Want::Read(most) if read < LINGER_BYTES_OF_FILE / 2 => {
                assert!(most <= SHARE);
                connection.received(&vec![0; most], now);
                read += most;
            }
            Want::Read(_) => {
                connection.check_deadline(&mut Statuses, PATIENCE, now + time);
                return (read, connection.wants() != Want::Close);
            }
            _ => return (read, false),
        }
    }
}

#[test]
fn the_file_of_a_user_is_read_on_when_it_is_refused() {
    let now = Instant::now();
    let huge = format!("Content-Length: {}\r\n", LINGER_BYTES_OF_FILE * 2);
    let refused = |connection: &mut Connection, user: &str| {
        connection.awaits(7).unwrap().visit.identify(user);
        connection.answered(Outgoing::new(b"no".to_vec(), false), PATIENCE, now);
    };
    let almost = LINGER_OF_FILE - Duration::from_secs(1);
    // Before any of it was read, and in the midst of it.
    let begun = uploading(&huge, b"abc", now).0;
    for mut connection in [waiting(&huge, b"abc", now), begun] {
        refused(&mut connection, "anna");
        assert_eq!(read_on(&mut connection, almost, now), (LINGER_BYTES_OF_FILE / 2, true));
    }
    let mut connection = waiting(&huge, b"abc", now);
    refused(&mut connection, "anna");
    assert_eq!(read_on(&mut connection, LINGER_OF_FILE, now), (LINGER_BYTES_OF_FILE / 2, false));
    // Of a stranger, and of whoever has nothing more to send, only what was on its way.
    let mut connection = waiting(&huge, b"abc", now);
    refused(&mut connection, "");
    assert_eq!(read_on(&mut connection, Duration::ZERO, now), (LINGER_BYTES, false));
    let mut connection = uploading("Content-Length: 3\r\n", b"abc", now).0;
    refused(&mut connection, "anna");
    assert_eq!(read_on(&mut connection, Duration::ZERO, now), (LINGER_BYTES, false));
}

#[test]
fn who_does_nothing_for_a_file_is_told_so() {
    let now = Instant::now();
    let (mut connection, mut body) = uploading("Content-Length: 10\r\n", b"abc", now);
    assert_eq!(after(&mut connection, LIMITS.stalls_after - Duration::from_secs(1), now), b"");
    connection.received(b"d", now + Duration::from_secs(29));
    assert_eq!(after(&mut connection, LIMITS.stalls_after, now), b"", "it goes on");
    assert_eq!(after(&mut connection, LIMITS.stalls_after * 2, now), b"408");
    assert_eq!(body.read(&mut [0; 8]).unwrap_err().kind(), ErrorKind::UnexpectedEof);

    let (mut connection, body) = uploading("Content-Length: 3\r\n", b"abc", now);
    assert_eq!(after(&mut connection, LIMITS.stalls_after, now), b"", "the service looks at it");
    assert_eq!(after(&mut connection, LIMITS.answers_within, now), b"504");
    drop(body);

    let (mut connection, mut body) = uploading("Transfer-Encoding: chunked\r\n", b"no chunk\r\n", now);
    assert_eq!(connection.wants(), Want::Reply);
    connection.reply(&mut Statuses, PATIENCE, now);
    assert_eq!(connection.wants(), Want::Write(b"400"));
    assert!(body.read(&mut [0; 8]).is_err());
}

#[test]
fn a_file_that_is_given_up_or_not_taken_ends_its_connection() {
    let now = Instant::now();
    let (mut connection, file) = downloading(10, now);
    connection.sent(6, PATIENCE, now);
    assert_eq!(connection.wants(), Want::Wait);
    assert!(file.push(b"abc".to_vec()));
    drop(file);
    assert!(connection.go_on(7, now));
    assert_eq!(connection.wants(), Want::Write(b"abc"));
    connection.sent(3, PATIENCE, now);
    assert_eq!(connection.wants(), Want::Close, "nobody takes it for the whole");

    let (mut connection, file) = downloading(10, now);
    assert_eq!(after(&mut connection, LIMITS.stalls_after, now), b"");
    assert_eq!(connection.wants(), Want::Close);
    drop(connection);
    assert!(!file.push(b"abc".to_vec()), "the service is told");

    let (mut connection, _file) = downloading(10, now);
    connection.sent(6, PATIENCE, now);
    assert!(after(&mut connection, LIMITS.stalls_after, now).is_empty() && connection.wants() == Want::Wait);
    after(&mut connection, LIMITS.answers_within, now);
    assert_eq!(connection.wants(), Want::Close, "its disk hangs");
}
