import CardEmulation
import CommandLineTool
import ReaderEmulation

/// Which reader in software a command plays: a slot of vpcd, or a PN532 of its own.
struct ChosenReader {
    let reader: any VirtualReader
    /// Where programs find it.
    let place: String

    static let options: [OptionSpecification] = [
        .value(
            "vpcd", "HOST:PORT",
            "the virtual reader's slot (127.0.0.1:35963; the second is 35964)"),
        .value("pn532", "LINK", "instead a PN532 on a serial line that LINK names, for libnfc"),
        .value("baud", "N", "pace that serial line, 9600 to 1288000 bits per second (at once)"),
        AirRate.option,
    ]

    /// Reads the options; nothing runs yet.
    static func parse(_ invocation: Invocation) throws -> () throws -> ChosenReader {
        let rate = try AirRate.rate(invocation)
        guard let link = invocation.value("pn532") else {
            guard invocation.value("baud") == nil else {
                throw Failure("--baud paces a PN532", hint: "give --pn532 LINK", code: .usage)
            }
            let (host, port) = try address(invocation.value("vpcd") ?? "127.0.0.1:35963")
            return {
                let slot = VirtualReaderSlot(host: host, port: port, pace: rate.map { AirPace($0) })
                return ChosenReader(reader: slot, place: "\(host):\(port)")
            }
        }
        guard invocation.value("vpcd") == nil else {
            throw Failure("--vpcd and --pn532 are two readers", hint: "give one", code: .usage)
        }
        let baud =
            invocation.value("baud") == nil
            ? nil : Int(try invocation.number("baud", in: 9_600...1_288_000, default: 115_200))
        return {
            do {
                let chip = try VirtualPN532(link: link, baud: baud, rate: rate)
                return ChosenReader(reader: chip, place: chip.connstring)
            } catch {
                throw Failure(
                    "the serial line cannot be made at \(link): \(error)",
                    hint: "choose a new name in a folder of yours")
            }
        }
    }
}
