"""UCI Online Retail: raw rows of a real gift shop → products, customers, purchases."""
