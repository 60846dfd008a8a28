import pytest

from config.benchmark.installation import redis_address


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("redis://localhost:6379", "redis://localhost:6379/7"),
        ("rediss://:word@queue.example:6380/0", "rediss://:word@queue.example:6380/7"),
        ("unix:///shop/run/redis.sock", "unix:///shop/run/redis.sock?db=7"),
        ("unix:///shop/run/redis.sock?db=1", "unix:///shop/run/redis.sock?db=7"),
        ("unix://:word@/run/redis.sock", "unix://:word@/run/redis.sock?db=7"),
        ("redis://localhost:6379/?db=3&protocol=3", "redis://localhost:6379/7?protocol=3"),
    ],
)
def test_another_numbered_database_of_the_same_redis(address, expected):
    assert redis_address(address, 7) == expected
