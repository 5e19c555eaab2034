//! Password hashes. Computing one takes 19 MiB of memory.

use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Block, Params, Version};
use subtle::ConstantTimeEq;

/// The longest hash that is compared.
const LONGEST_HASH: usize = 64;

/// Computes password hashes in one buffer, which it keeps. (A buffer that is allocated and freed for each
/// hash ends up in the allocator's arenas, one after the other.)
#[derive(Default)]
pub(crate) struct PasswordChecker {
    blocks: Vec<Block>,
}

impl PasswordChecker {
    /// To be called when no more hashes are expected for some time. The next one takes memory again.
    pub(crate) fn give_back_memory(&mut self) {
        self.blocks = Vec::new();
    }

    /// Whether the password has this hash. It takes some tens of milliseconds on purpose.
    pub(super) fn fits(&mut self, password: &[u8], hash: &PasswordHash) -> bool {
        self.check(password, hash).unwrap_or(false)
    }

    /// `None` if the hash is none that can be computed.
    fn check(&mut self, password: &[u8], hash: &PasswordHash) -> Option<bool> {
        let (salt, expected) = (hash.salt.as_ref()?, hash.hash.as_ref()?);
        let algorithm = Algorithm::try_from(hash.algorithm.as_str()).ok()?;
        let version = hash.version.map_or(Ok(Version::default()), Version::try_from).ok()?;
        let params = Params::try_from(hash).ok()?;
        // Longer if it is the first hash, or one with greater costs.
        if self.blocks.len() < params.block_count() {
            self.blocks.resize(params.block_count(), Block::default());
        }
        let blocks = &mut self.blocks[..params.block_count()];
        let mut computed = [0; LONGEST_HASH];
        let computed = computed.get_mut(..expected.len())?;
        let argon2 = Argon2::new(algorithm, version, params);
        argon2.hash_password_into_with_memory(password, salt, computed, blocks).ok()?;
        Some(bool::from(computed.ct_eq(expected.as_ref())))
    }
}
