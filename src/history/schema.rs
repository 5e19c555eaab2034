//! The tables of the history.

use crate::database::Schema;

/// `LWhi`, by which a history is known.
pub(super) const SCHEMA: Schema = Schema { application: 0x4c57_6869, steps: &[FIRST, MINUTES] };

const FIRST: &str = "
    CREATE TABLE play (
        id INTEGER PRIMARY KEY,
        -- A run of a station, and the number of the play in it: by these, writing it again changes it.
        run INTEGER NOT NULL,
        number INTEGER NOT NULL,
        pipeline TEXT NOT NULL,
        kind TEXT NOT NULL,
        -- Milliseconds since 1970.
        began_at INTEGER NOT NULL,
        zone TEXT NOT NULL,
        -- Seconds.
        utc_offset INTEGER NOT NULL,
        heard_ms INTEGER NOT NULL,
        ended INTEGER NOT NULL,
        user TEXT,
        title TEXT NOT NULL,
        artist TEXT,
        name TEXT,
        album TEXT,
        composer TEXT,
        label TEXT,
        label_code TEXT,
        isrc TEXT,
        file TEXT,
        reason TEXT,
        listeners_at_start INTEGER NOT NULL,
        listeners_peak INTEGER NOT NULL,
        listened_ms INTEGER NOT NULL,
        UNIQUE (run, number)
    ) STRICT;
    CREATE INDEX play_began_at ON play (began_at);
";

const MINUTES: &str = "
    -- How many listened. A minute without a row is one in which the station did not run.
    CREATE TABLE minute (
        -- Minutes since 1970.
        at INTEGER NOT NULL,
        -- A mount, or the playlist of an HLS. Empty: all of them.
        stream TEXT NOT NULL,
        -- For how many seconds of it this is known, and the listeners of each of these, summed up.
        seconds INTEGER NOT NULL,
        listened INTEGER NOT NULL,
        peak INTEGER NOT NULL,
        joins INTEGER NOT NULL,
        PRIMARY KEY (at, stream)
    ) STRICT, WITHOUT ROWID;
    -- The last minute of each run that is in the table, by its number: so none is added twice.
    CREATE TABLE counted (
        run INTEGER PRIMARY KEY,
        number INTEGER NOT NULL,
        at INTEGER NOT NULL
    ) STRICT;
";
