import NIOCore
import Synchronization
import TestSupport
import Testing

@testable import HTTPKit

@Suite("Listeners, and what one address may have", .timeLimit(.minutes(5)))
struct ListenerTests {
    @Test("a second listener has the same handler, which knows which one it was, and listens first")
    func second() async throws {
        let number = Mutex(0)
        let other = HTTPServer.SecondListener(.tcp(host: "127.0.0.1", port: 0)) { port in
            number.withLock { $0 = port }
        }
        try await withServer(second: other, handler: { .text("entrance \($0.peer.entrance)") }) { port in
            for (port, entrance) in [(port, 0), (number.withLock { $0 }, 1)] {
                let client = try await RawClient.connect(port: port)
                try await client.send(HTTPServerTests.get)
                #expect(try await client.readResponse().body == "entrance \(entrance)")
            }
        }
    }

    @Test("an address that has enough connections is told so, until one of them ends")
    func enough() async throws {
        let refused = Mutex(0)
        let limit = HTTPServer.AddressLimit(2, onRefusal: { refused.withLock { $0 += 1 } })
        try await withServer(perAddress: limit, handler: { _ in .text("served") }) { port in
            var clients: [RawClient] = []
            for _ in 0..<2 {
                let client = try await RawClient.connect(port: port)
                try await client.send(HTTPServerTests.get)
                #expect(try await client.readResponse().body == "served")
                clients.append(client)
            }
            let third = try await RawClient.connect(port: port)
            let answer = try await third.readToEnd()
            #expect(answer.hasPrefix("HTTP/1.1 503 ") && answer.lowercased().contains("\r\nretry-after: 1\r\n"))
            #expect(answer.contains("2 connections from your address"))
            #expect(refused.withLock { $0 } == 1)
            // The others go on, and one that ends makes place.
            try await clients[1].send("GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
            #expect(try await clients[1].readToEnd().hasSuffix("served"))
            let fourth = try await RawClient.connect(port: port)
            try await fourth.send(HTTPServerTests.get)
            #expect(try await fourth.readResponse().body == "served")
        }
    }

    @Test("addresses that are counted together: one of IPv4, however written, and a network of IPv6")
    func senders() throws {
        func sender(_ address: String) throws -> Sender? { Sender(try SocketAddress(ipAddress: address, port: 1)) }
        #expect(try sender("192.0.2.1") == sender("::ffff:192.0.2.1"))
        #expect(try sender("192.0.2.1") != sender("192.0.2.2"))
        #expect(try sender("2001:db8:1:2::1") == sender("2001:db8:1:2:ffff::"))
        #expect(try sender("2001:db8:1:2::1") != sender("2001:db8:1:3::1"))
        #expect(Sender(try SocketAddress(unixDomainSocketPath: "/nowhere")) == nil && Sender(nil) == nil)
    }

    @Test("some may have any number")
    func exempt() async throws {
        let limit = HTTPServer.AddressLimit(1, isExempt: { $0 == "127.0.0.1" })
        try await withServer(perAddress: limit, handler: { _ in .text("served") }) { port in
            var clients: [RawClient] = []
            for _ in 0..<3 {
                clients.append(try await RawClient.connect(port: port))
                try await clients.last?.send(HTTPServerTests.get)
                #expect(try await clients.last?.readResponse().body == "served")
            }
        }
    }
}
