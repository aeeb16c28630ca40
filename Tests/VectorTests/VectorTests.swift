import Crypto
import Foundation
import Synchronization
import Testing

@testable import Cards

/// Every published vector whose operation the product implements, by one parameterised test.
@Suite struct VectorTests {
    /// Operations the product does not have, and why.
    static let outside: [String: String] = [
        "cmac_kdf_unpadded": "a known wrong variant of AN10922; ours must differ (own test)",
        "an12196_table26_diversification": "the source does not print its input",
        "boltcard_keys": "another network's key scheme",
        "tmac_session_keys": "DESFire profile, not in the product yet",
        "tmac_value_incomplete": "the source does not print its input",
        "lrp_eval_vec": "LRP mode, not in the product", "lrp_cmac": "LRP mode, not in the product",
        "lrp_lricb": "LRP mode, not in the product",
        "lrp_primitives": "LRP mode, not in the product",
        "lrp_auth_first": "LRP mode, not in the product",
        "lrp_exchange": "LRP mode, not in the product",
    ]

    /// Operations with a check below.
    static let implemented: Set<String> = [
        "aes_cmac", "an10922", "crc32_jamcrc", "ev2_auth_first", "ev2_auth_nonfirst", "ev2_iv",
        "ev2_exchange", "ev2_readsig_full", "change_key", "settings_parse", "sdm_session_keys",
        "sdm_message", "originality", "curve_point", "plain_apdu",
    ]

    /// Vectors that leave the product's reach inside an operation it has.
    static func isOutside(_ vector: Vector) -> Bool {
        !implemented.contains(vector.operation) || vector.flag("lrp") || vector.isUnresolved
            || (vector.operation == "an10922" && ((try? vector.bytes("key").count) ?? 0) != 16)
    }

    static let inside = VectorFiles.all.filter { !isOutside($0) }

    @Test(arguments: inside) func `A published vector is reproduced`(vector: Vector) throws {
        switch vector.operation {
        case "aes_cmac": try Checks.cmac(vector)
        case "an10922": try Checks.diversification(vector)
        case "crc32_jamcrc":
            #expect(CRC32.jam(try vector.bytes("data")) == vector.wanted("crc_wire"))
        case "ev2_auth_first": try Checks.authentication(vector, isFirst: true)
        case "ev2_auth_nonfirst": try Checks.authentication(vector, isFirst: false)
        case "ev2_iv": try Checks.iv(vector)
        case "ev2_exchange": try Checks.exchange(vector)
        case "ev2_readsig_full": try Checks.readSignature(vector)
        case "change_key": try Checks.changeKey(vector)
        case "settings_parse": try Checks.settings(vector)
        case "sdm_session_keys": try Checks.sdmKeys(vector)
        case "sdm_message": try Checks.sdmMessage(vector)
        case "originality": try Checks.originality(vector)
        case "curve_point": try Checks.curvePoint(vector)
        case "plain_apdu": try Checks.plain(vector)
        default: Issue.record("operation \(vector.operation) has no check and no reason")
        }
    }

    @Test func `The vectors are there, and it is said how many run`() {
        let counts = Dictionary(grouping: Self.inside, by: \.operation).mapValues(\.count)
        let left = VectorFiles.all.count - Self.inside.count
        let words = counts.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }
        FileHandle.standardError.write(
            Data(
                """
                vectors: \(Self.inside.count) run, \(left) outside the product, \
                from \(VectorFiles.files.count) file(s): \(words.joined(separator: ", "))

                """.utf8))
        #expect(Self.inside.count >= 100)
        #expect(Set(Self.outside.keys).isDisjoint(with: Self.implemented))
        // Nothing of the repository's own file is left out without a reason.
        let silent = VectorFiles.all.map(\.operation).filter {
            !Self.implemented.contains($0) && Self.outside[$0] == nil
        }
        let note = silent.isEmpty ? "" : "vectors of unknown operations: \(Set(silent).sorted())\n"
        FileHandle.standardError.write(Data(note.utf8))
    }

    @Test func `The unpadded variant of AN10922 is not ours`() throws {
        for vector in VectorFiles.all where vector.operation == "cmac_kdf_unpadded" {
            let ours = try an10922(
                master: AES128Key(vector.bytes("key")), vector.bytes("m"))
            #expect(ours.withBytes { $0 } != vector.wanted("diversified"))
        }
    }
}
