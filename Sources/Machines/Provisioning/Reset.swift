public import Cards
import Crypto
import KeyStore

extension Personalisation {
    /// Brings one of our cards back to what the factory delivers. Keys 1 to 4 go first, then K0;
    /// the content only after them, so that whatever is torn, the token tells whose keys stand,
    /// and running again finishes (V1, V3).
    public func reset(
        _ channel: inout some CardChannel & ~Copyable
    ) throws(ProvisioningError) {
        progress(.inspect)
        let found = try Inspection.read(&channel)
        try checkKeys(found)
        try dropKeys(&channel, found)
        do { try clear(&channel, found) } catch { throw .card(error) }
    }

    private func dropKeys(
        _ channel: inout some CardChannel & ~Copyable, _ found: Inspection
    ) throws(ProvisioningError) {
        guard found.keyVersions.contains(where: { $0 != 0 }) else { return }
        let master = try standing(0, found)
        do {
            try NTAG424.selectApplication(&channel)
            var session = try NTAG424.authenticate(
                &channel, key: master, keyNumber: 0, delayedTries: 100)
            for number: UInt8 in [1, 2, 3, 4, 0] where found.keyVersions[Int(number)] != 0 {
                progress(Self.step(number))
                try NTAG424.changeKey(
                    &channel, &session, keyNumber: number, old: try ours(number, found.uid),
                    new: .zero(), version: 0)
            }
        } catch let error as CardError { throw .card(error) } catch let error as ProvisioningError {
            throw error
        } catch { throw .layout("\(error)") }
    }

    /// Files and settings, under the factory's keys.
    private func clear(
        _ channel: inout some CardChannel & ~Copyable, _ found: Inspection
    ) throws(CardError) {
        progress(.cardState)
        try NTAG424.selectApplication(&channel)
        var state = try NTAG424.authenticate(
            &channel, key: .zero(), keyNumber: 3, delayedTries: 100)
        try NTAG424.writeData(
            &channel, &state, file: NTAG424.proprietaryFile, offset: 0,
            [UInt8](repeating: 0, count: CardLayout.stateSize), mode: .full)
        try NTAG424.selectApplication(&channel)
        var session = try NTAG424.authenticate(
            &channel, key: .zero(), keyNumber: 0, delayedTries: 100)
        progress(.stateSettings)
        _ = try set(
            &channel, &session, NTAG424.proprietaryFile, CardLayout.factoryStateSettings,
            found.stateSettings)
        progress(.container)
        _ = try write(
            &channel, &session, NTAG424.containerFile, CardLayout.factoryContainer)
        progress(.imageSettings)
        _ = try set(
            &channel, &session, NTAG424.ndefFile, CardLayout.factoryImageSettings,
            found.imageSettings)
        progress(.image)
        _ = try write(
            &channel, &session, NTAG424.ndefFile,
            [UInt8](repeating: 0, count: CardLayout.imageSize))
    }
}
