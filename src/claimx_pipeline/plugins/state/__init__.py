"""What plugins remember: values by key, kept on a topic and changed by one owner each."""
