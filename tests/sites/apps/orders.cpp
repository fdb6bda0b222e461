// SPDX-License-Identifier: Apache-2.0
// orders PORT: as orders.c, with methods, an overload and a template.
#include "stay.h"

#include <arpa/inet.h>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <sys/socket.h>
#include <unistd.h>

namespace shop {

class OrderRepo {
public:
	explicit OrderRepo(int port) : fd(open(port)) {}

	[[gnu::noinline, gnu::noclone]] int save(const std::string &order)
	{
		char answer[8];

		if (::send(fd, order.data(), order.size(), 0) < 0)
			throw std::runtime_error("send");
		return static_cast<int>(::recv(fd, answer, sizeof(answer), 0));
	}

	[[gnu::noinline, gnu::noclone]] static int open(int port)
	{
		sockaddr_in address{};
		int fd = ::socket(AF_INET, SOCK_STREAM, 0);

		address.sin_family = AF_INET;
		address.sin_port = htons(static_cast<uint16_t>(port));
		address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		if (::connect(fd, reinterpret_cast<sockaddr *>(&address), sizeof(address)) < 0)
			throw std::runtime_error("connect");
		return fd;
	}

private:
	int fd;
};

} // namespace shop

int main(int, char **argv)
{
	shop::OrderRepo repo(std::atoi(argv[1]));
	int n = repo.save("hello");

	usleep(stay_us());
	return n == 5 ? 0 : 1;
}
