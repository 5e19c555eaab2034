//! How long a packet is. No header tells it: it ends where the last residual of its last channel does. They
//! are counted here, not decoded.

/// What decides how a packet's channels are written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Layout {
    /// Frames in it.
    pub(super) block: u32,
    pub(super) channels: u32,
    pub(super) bits: u32,
    /// The channel that is the difference of two, and has a bit more.
    pub(super) side: Option<u32>,
}

/// Why a packet has no length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// It goes on behind the bytes that are there.
    Cut,
    /// No encoder writes this.
    Wrong,
}

type Parsed<T> = Result<T, Fault>;

/// The number of bytes in the channels of a packet, which begin with the first of these bytes.
pub(super) fn of(bytes: &[u8], layout: Layout) -> Parsed<usize> {
    let mut bits = Bits { bytes, at: 0 };
    for channel in 0..layout.channels {
        let more = u32::from(layout.side == Some(channel));
        skip_channel(&mut bits, layout.block, layout.bits + more)?;
    }
    bits.check()?;
    Ok(bits.at.div_ceil(8))
}

fn skip_channel(bits: &mut Bits<'_>, block: u32, bits_each: u32) -> Parsed<()> {
    if bits.take(1)? != 0 {
        return Err(Fault::Wrong);
    }
    let kind = bits.take(6)?;
    let wasted = if bits.take(1)? == 1 { bits.zeros()? + 1 } else { 0 };
    let bits_each = bits_each.checked_sub(wasted).filter(|bits| *bits > 0).ok_or(Fault::Wrong)?;
    match kind {
        // One value for all.
        0 => bits.skip(bits_each),
        // Values as they are.
        1 => bits.skip_each(block, bits_each),
        // A fixed predictor: its first values, and how far it is off the others.
        8..=12 => {
            let order = kind - 8;
            bits.skip_each(order, bits_each)?;
            skip_residual(bits, block, order)
        }
        // One with coefficients of its own.
        32..=63 => {
            let order = kind - 31;
            bits.skip_each(order, bits_each)?;
            let precision = bits.take(4)? + 1;
            if precision == 16 {
                return Err(Fault::Wrong);
            }
            bits.skip(5)?;
            bits.skip_each(order, precision)?;
            skip_residual(bits, block, order)
        }
        _ => Err(Fault::Wrong),
    }
}

fn skip_residual(bits: &mut Bits<'_>, block: u32, order: u32) -> Parsed<()> {
    let width = match bits.take(2)? {
        0 => 4,
        1 => 5,
        _ => return Err(Fault::Wrong),
    };
    let partition_order = bits.take(4)?;
    let partition = block >> partition_order;
    if partition << partition_order != block || partition < order {
        return Err(Fault::Wrong);
    }
    for number in 0..1 << partition_order {
        let count = if number == 0 { partition - order } else { partition };
        let parameter = bits.take(width)?;
        if parameter == (1 << width) - 1 {
            let bits_each = bits.take(5)?;
            bits.skip_each(count, bits_each)?;
        } else {
            bits.skip_codes(count, parameter)?;
        }
    }
    Ok(())
}

/// Bits, from the highest of the first byte on.
struct Bits<'a> {
    bytes: &'a [u8],
    /// The next one.
    at: usize,
}

impl Bits<'_> {
    /// So many of the bits of [`Bits::ahead`] are there, whatever `at` is.
    const AHEAD: u32 = 57;

    /// The next bits, the first of them highest. Behind the end there are zeros.
    fn ahead(&self) -> u64 {
        let rest = self.bytes.get(self.at / 8..).unwrap_or_default();
        let bytes = rest.first_chunk().copied().unwrap_or_else(|| {
            let mut bytes = [0; 8];
            bytes[..rest.len()].copy_from_slice(rest);
            bytes
        });
        u64::from_be_bytes(bytes) << (self.at % 8)
    }

    fn check(&self) -> Parsed<()> {
        if self.at > self.bytes.len() * 8 { Err(Fault::Cut) } else { Ok(()) }
    }

    fn skip(&mut self, count: u32) -> Parsed<()> {
        self.skip_each(1, count)
    }

    /// Skips `count` values of so many bits each.
    fn skip_each(&mut self, count: u32, bits: u32) -> Parsed<()> {
        self.at += count as usize * bits as usize;
        self.check()
    }

    /// A number of one to 32 bits.
    fn take(&mut self, count: u32) -> Parsed<u32> {
        let number = (self.ahead() >> (64 - count)) as u32;
        self.skip(count)?;
        Ok(number)
    }

    /// The number of zeros before the next one, which is taken, too.
    fn zeros(&mut self) -> Parsed<u32> {
        let begin = self.at;
        loop {
            let zeros = self.ahead().leading_zeros();
            if zeros < Bits::AHEAD {
                self.at += zeros as usize + 1;
                self.check()?;
                return u32::try_from(self.at - begin - 1).map_err(|_| Fault::Wrong);
            }
            self.at += Bits::AHEAD as usize;
            self.check()?;
        }
    }

    /// Skips `count` Rice codes: each has zeros, a one, and as many bits as the parameter says.
    fn skip_codes(&mut self, count: u32, parameter: u32) -> Parsed<()> {
        let mut left = count;
        while left > 0 {
            let mut ahead = self.ahead();
            let mut there = Bits::AHEAD;
            // As many as are there as a whole. The last of them may go beyond the end.
            loop {
                let code = ahead.leading_zeros() + 1 + parameter;
                if code > there || left == 0 {
                    break;
                }
                // A code of 64 bits cannot be there.
                ahead <<= code;
                there -= code;
                left -= 1;
            }
            if there == Bits::AHEAD {
                self.zeros()?;
                self.skip(parameter)?;
                left -= 1;
            } else {
                self.at += (Bits::AHEAD - there) as usize;
                self.check()?;
            }
        }
        Ok(())
    }
}
