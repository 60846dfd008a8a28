"""The pages of a shopper's own things: account, basket, orders, data."""
