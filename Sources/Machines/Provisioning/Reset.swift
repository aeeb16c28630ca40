public import Cards
import Crypto
import KeyStore

extension Personalisation {
    /// Brings one of our cards back to what the factory delivers: settings and files first, then keys
    /// 1 to 4, K0 last (V2, V3).
    public func reset(
        _ channel: inout some CardChannel & ~Copyable
    ) throws(ProvisioningError) {
        let found = try Inspection.read(&channel)
        guard found.keyVersions.allSatisfy({ $0 == 0 || $0 == epoch }) else {
            throw .foreign("key versions \(found.keyVersions)")
        }
        let zeros = { (count: Int) in [UInt8](repeating: 0, count: count) }
        do {
            try NTAG424.selectApplication(&channel)
            var state = try NTAG424.authenticate(
                &channel, key: try standing(3, found), keyNumber: 3, delayedTries: 100)
            try NTAG424.writeData(
                &channel, &state, file: NTAG424.proprietaryFile, offset: 0,
                zeros(CardLayout.stateSize), mode: .full)
            try NTAG424.selectApplication(&channel)
            var session = try NTAG424.authenticate(
                &channel, key: try standing(0, found), keyNumber: 0, delayedTries: 100)
            _ = try set(
                &channel, &session, NTAG424.ndefFile, CardLayout.factoryImageSettings,
                found.imageSettings)
            _ = try set(
                &channel, &session, NTAG424.proprietaryFile, CardLayout.factoryStateSettings,
                found.stateSettings)
            _ = try write(
                &channel, &session, NTAG424.ndefFile, zeros(CardLayout.imageSize))
            _ = try write(
                &channel, &session, NTAG424.containerFile, CardLayout.factoryContainer)
            for number: UInt8 in [1, 2, 3, 4, 0] where found.keyVersions[Int(number)] != 0 {
                try NTAG424.changeKey(
                    &channel, &session, keyNumber: number, old: try ours(number, found.uid),
                    new: .zero(), version: 0)
            }
        } catch let error as CardError { throw .card(error) } catch let error as ProvisioningError {
            throw error
        } catch { throw .layout("\(error)") }
    }
}
